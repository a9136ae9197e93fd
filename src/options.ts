// The options of the library. The command line uses the same names in kebab-case.
import type { DiskSku } from './azure/arm/disk-body.ts';
import type { Credential, RenewSas } from './azure/auth/credentials.ts';
import type { ChecksumAlgorithm } from './base/page-run.ts';
import type { RateLimit } from './base/rate-timetable.ts';
import type { SkipFree } from './base/skip-free.ts';
import type { EventListener } from './events.ts';
import type { OpenDiskImageOptions } from './image/disk-image.ts';
import type { LocalImageFormat } from './target/local-image.ts';
import type { RetryOptions } from './transfer/retry.ts';

export type { RateLimit, RetryOptions };

/** Options of every function that opens an image. */
export type ImageOptions = Pick<
  OpenDiskImageOptions,
  'format' | 'parentPaths' | 'allowNetworkParents' | 'trustUnmarkedSectors'
>;

/** Options of every function that moves data. */
export interface ImageTransferOptions extends ImageOptions {
  /** Path of the image. */
  readonly image: string;
  /**
   * Ranges that clean file systems of the guest mark as free read as zeros. `all`: and the contents of page, hibernation and swap
   * files. What is not certainly free is kept. @default neither
   */
  readonly skipFree?: SkipFree;
  /**
   * Maximum number of requests in flight: 1 to 64, or `auto`, which adapts to the connection. To limit the memory, at most 51 of
   * them carry a full 4 MiB; the others are smaller. @default 'auto'
   */
  readonly threads?: Threads;
  /** Aborts the work. The function rejects with the signal's reason, unchanged. */
  readonly signal?: AbortSignal;
  readonly onEvent?: EventListener;
}

/** Options of every function that sends requests to the service. */
export interface ServiceOptions extends RetryOptions {
  /** URL of the blob, with or without a SAS; or `container/blob` when `serviceUrl` is given. */
  readonly destination: string;
  /** Blob endpoint of the account, for a destination of the form `container/blob`. */
  readonly serviceUrl?: string;
  /** How to authorize requests when the destination has no SAS. @default Microsoft Entra, through `DefaultAzureCredential` */
  readonly credential?: Credential;
  /**
   * AzureCloud, AzureChinaCloud or AzureUSGovernment: whose sign-in service issues the tokens of Microsoft Entra. For a host that does
   * not show its cloud. A credential with an `authorityHost` uses that one. @default the cloud of the host, otherwise AzureCloud
   */
  readonly cloud?: string;
  /** Provides a new SAS when the current one has expired; the work waits for it. @default none: the work stops and can be resumed */
  readonly renewSas?: RenewSas;
  /** Checksum that protects each request. @default 'crc64'; to verify with a manifest, the manifest's */
  readonly checksum?: ChecksumAlgorithm;
  /** A connection that transfers nothing for this long is closed and the request retried, in milliseconds. @default 60,000 */
  readonly stallTimeoutMs?: number;
  /**
   * Collects recent garbage with V8's collector. Called after each 2 MiB received, which lowers the peak memory of reading back by
   * 35 MiB. @default nothing
   */
  readonly collectGarbage?: () => void;
}

/** Options of every function that uses Azure Resource Manager. */
export interface ArmOptions extends RetryOptions {
  /** Id of the subscription. @default AZURE_SUBSCRIPTION_ID in `environment`, otherwise the default subscription of the Azure CLI */
  readonly subscription?: string;
  /** Where resources are that only their names describe. Resources can also be named by their ids. */
  readonly resourceGroup?: string;
  /** AzureCloud, AzureChinaCloud or AzureUSGovernment. @default that of `armEndpoint` or of the sign-in service, otherwise AzureCloud */
  readonly cloud?: string;
  /** URL of Azure Resource Manager, for Azure Stack and others. The audience of the tokens stays that of the cloud. @default the cloud's */
  readonly armEndpoint?: string;
  /** The audience of the tokens for Azure Resource Manager. @default the cloud's */
  readonly armAudience?: string;
  /** URL of the service that issues tokens. @default AZURE_AUTHORITY_HOST in `environment`, otherwise the cloud's */
  readonly authorityHost?: string;
  /** Variables of the Azure tools: AZURE_SUBSCRIPTION_ID, AZURE_CONFIG_DIR, AZURE_AUTHORITY_HOST, AZURE_TENANT_ID. @default none */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** `token` or `entra`: Azure Resource Manager accepts neither a SAS nor an account key. @default Microsoft Entra, through `DefaultAzureCredential` */
  readonly credential?: Credential;
  /** A connection that transfers nothing for this long is closed and the request retried, in milliseconds. @default 60,000 */
  readonly stallTimeoutMs?: number;
  /** Aborts the work. The function rejects with the signal's reason, unchanged. An operation that has started in Azure continues there. */
  readonly signal?: AbortSignal;
  readonly onEvent?: EventListener;
}

/** The managed disk that an upload creates. What the image shows is the default: its size, generation and operating system. */
export interface NewDisk {
  /** Its name, or its resource id. */
  readonly name: string;
  /** Region. @default that of the resource group */
  readonly location?: string;
  /** @default Standard_LRS */
  readonly sku?: DiskSku;
  /** `none` for a data disk. @default what the image shows */
  readonly osType?: 'windows' | 'linux' | 'none';
  /** @default what the image shows; none for a data disk */
  readonly generation?: 1 | 2;
  readonly architecture?: 'x64' | 'Arm64';
  /** `standard` or `trusted-launch`. @default 'standard' */
  readonly securityType?: string;
  /** Availability zone. */
  readonly zone?: string;
  /** Resource id. */
  readonly diskAccess?: string;
  readonly networkAccess?: 'AllowAll' | 'AllowPrivate' | 'DenyAll';
  readonly dataAccessAuthMode?: 'AzureActiveDirectory' | 'None';
  /** Resource id. */
  readonly diskEncryptionSet?: string;
  /** Only 512. */
  readonly logicalSectorSize?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Where Azure Resource Manager and its resources are. */
export type ArmPlace = Pick<
  ArmOptions,
  'subscription' | 'resourceGroup' | 'cloud' | 'armEndpoint' | 'armAudience' | 'authorityHost' | 'environment'
>;

export interface UploadOptions extends ImageTransferOptions, Omit<ServiceOptions, 'destination'>, ArmPlace {
  /** URL of a blob or of a managed disk, with or without a SAS; or `container/blob` when `serviceUrl` is given. Or give `disk`. */
  readonly destination?: string;
  /** Creates this managed disk and uploads to it, instead of `destination`. */
  readonly disk?: NewDisk;
  /** Replace an existing page blob. @default false */
  readonly overwrite?: boolean;
  /** Path of the checkpoint. @default the image's path with `.vhdup.json` appended */
  readonly checkpoint?: string;
  /** Discard the progress of an earlier run, and start over. @default false */
  readonly restart?: boolean;
  /** Resume an unfinished upload of this image without its checkpoint, from what the blob holds. @default false */
  readonly resumeFromBlob?: boolean;
  /**
   * URL of a page blob that was made from an ancestor of a differencing image, with or without a SAS. The service copies it to the
   * destination, and only what differs from the ancestor is sent. @default none
   */
  readonly base?: string;
  /** Path of the manifest of the base's upload, which proves it while its ETag is unchanged. @default what the copy contains is read back */
  readonly baseManifest?: string;
  /** Do not compare the base with the ancestor before it is copied. @default false */
  readonly trustBase?: boolean;
  /** Break the lease that another program holds on the blob. @default false */
  readonly breakLease?: boolean;
  /** Create the container if it does not exist. @default false */
  readonly createContainer?: boolean;
  /** Delete the snapshots of the blob that is replaced. Only with `overwrite` or `restart`. @default false */
  readonly deleteSnapshots?: boolean;
  /** Public access of a new container: to its blobs, or also to their list. Needs `createContainer`. @default none */
  readonly publicAccess?: 'blob' | 'container';
  /** Content type of a new blob. @default 'application/octet-stream' */
  readonly contentType?: string;
  /** Tier of a new blob in a premium account: P4 to P80. @default the service chooses it by the size */
  readonly pageBlobTier?: string;
  /** Index tags of a new blob: at most 10. A SAS needs the permission t. @default none */
  readonly blobTags?: Readonly<Record<string, string>>;
  /** Metadata of the blob, in addition to that of vhdup. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Path of a file that records what was sent, range by range with checksums. @default none */
  readonly manifest?: string;
  /** Compute the MD5 of the whole VHD, and set it as the blob's Content-MD5. @default false */
  readonly contentMd5?: boolean;
  /**
   * What is compared at the end: nothing, the page list with what was sent, or every page with the image. `map` is the older name
   * of `ranges`.
   * @default 'ranges', and 'unverified' if nothing proves that only this upload has written to the blob
   */
  readonly verify?: VerifyLevel | 'map';
  /** Maximum number of bytes sent per second, always or by a timetable. @default no limit */
  readonly maxRate?: RateLimit;
  /** Upload even if Azure would reject the disk. @default false */
  readonly skipChecks?: boolean;
}

export interface VerifyOptions extends ImageTransferOptions, Omit<ServiceOptions, 'destination'>, ArmPlace {
  /** URL of a blob or of a managed disk, with or without a SAS; or `container/blob` when `serviceUrl` is given. Or give `disk`. */
  readonly destination?: string;
  /** Name or resource id of a managed disk that no virtual machine uses. It is accessible only for reading meanwhile. */
  readonly disk?: string;
  /** Read every page of the blob back. @default false: compare only the page list */
  readonly full?: boolean;
  /** Path of the upload's manifest: the image is also compared with the checksums that were sent. @default none */
  readonly manifest?: string;
  /** Path of the file that stores the progress of `full`. @default the image's path with `.vhdup-verify.json` appended */
  readonly checkpoint?: string;
  /** Discard the progress of an earlier run, and start over. @default false */
  readonly restart?: boolean;
}

export interface DownloadOptions extends Omit<ServiceOptions, 'destination'>, ArmPlace {
  /** URL of a page blob or of a managed disk, with or without a SAS; or `container/blob` when `serviceUrl` is given. Or give `disk`. */
  readonly source?: string;
  /** Name or resource id of a managed disk that no virtual machine uses. It is accessible only for reading meanwhile. */
  readonly disk?: string;
  /** Path of the file to write. */
  readonly output: string;
  /** Fixed VHD (the blob byte for byte), dynamic VHD, dynamic VHDX, or only the disk. @default 'vhdx' for a name that ends with .vhdx, otherwise 'vhd' */
  readonly format?: LocalImageFormat;
  /** Replace an existing file. @default false */
  readonly overwrite?: boolean;
  /** Leave holes where the disk is zero, as in `ConvertOptions`. @default false on Windows, true elsewhere */
  readonly sparse?: boolean;
  /** Path of the checkpoint. @default the file's path with `.vhdup.json` appended */
  readonly checkpoint?: string;
  /** Discard the progress of an earlier run, and start over. @default false */
  readonly restart?: boolean;
  /** Path of the manifest of the blob's upload: what arrives is compared with the checksums that were sent. @default none */
  readonly manifest?: string;
  /** `none` does not compare the file with the Content-MD5 of the blob. @default 'content' */
  readonly verify?: 'none' | 'content';
  /** Leave the free space of the guest out, as in `ImageTransferOptions`. @default neither */
  readonly skipFree?: SkipFree;
  /** Maximum number of requests in flight, as in `ImageTransferOptions`. @default 'auto' */
  readonly threads?: Threads;
  /** Maximum number of bytes received per second, always or by a timetable. @default no limit */
  readonly maxRate?: RateLimit;
  /** Aborts the work and keeps the progress. The function rejects with the signal's reason, unchanged. */
  readonly signal?: AbortSignal;
  readonly onEvent?: EventListener;
}

/** How an upload is verified at its end. */
export type VerifyLevel = 'none' | 'ranges' | 'full';

/** What was compared at the end. `unverified`: the page list, and every page that something else may have written to. */
export type VerifiedLevel = VerifyLevel | 'unverified';

/** `auto` adapts to the connection. */
export type Threads = number | 'auto';
