// CheckFacts: the facts about a disk that the rules need, gathered once.
import type { SasClaims } from '../azure/auth/sas.ts';
import type { DiskImageFormat, ImageWarning } from '../image/disk-image.ts';
import type { AnonymousLook } from '../remote/public-blob.ts';
import type { BlobAddress, BlobProperties, PublicAccess } from '../target/page-blob.ts';
import type { ContentVolumes } from '../volume/content-volumes.ts';
import type { DiskLayout } from '../volume/disk-layout.ts';
import type { FileSystemState } from '../volume/file-system-state.ts';
import type { Generation, OsState, Purpose } from './check-report.ts';
import type { NamedSystem } from './guest/find-linux.ts';
import type { WindowsInstallation } from './guest/find-windows.ts';
import type { GuestFileSystem } from './guest/guest-file-system.ts';

export interface ImageFacts {
  /** Escaped for printing. */
  readonly path: string;
  readonly format: DiskImageFormat;
  /** Virtual size in bytes. */
  readonly size: number;
  /** The size rounded up to a whole MiB: the size of the disk in Azure. */
  readonly azureSize: number;
  /** Warnings from opening and reading the image. */
  readonly warnings: readonly ImageWarning[];
  /** Creator Application of a VHD's footer, four characters; undefined for other formats. */
  readonly creator: string | undefined;
}

export interface VolumeState extends FileSystemState {
  /** Of the partition or logical volume, escaped for printing. */
  readonly name: string;
  /** Name of its file system, if it is recognised. */
  readonly fileSystem?: string | undefined;
}

/** The operating system, as far as its files can be read. */
export type GuestSystem =
  | {
      readonly kind: 'linux';
      /** At least one; each is named after the partition or logical volume of its root. */
      readonly systems: readonly NamedSystem[];
      /** Other volumes that may hold an operating system but were not examined. */
      readonly others: readonly string[];
    }
  /** Only Windows was found. */
  | {
      readonly kind: 'windows';
      /** As above. */
      readonly others: readonly string[];
      /** Whether one of the others may hold a Linux. */
      readonly mayHoldLinux: boolean;
    }
  /** An operating system may be present, but on file systems that vhdup cannot read. */
  | { readonly kind: 'unread'; readonly found: string }
  /** Nothing on the disk can hold an operating system. */
  | { readonly kind: 'none' };

/** What a look at the service showed; otherwise why it showed nothing. */
export type Looked<T> =
  | { readonly known: true; readonly value: T }
  /** `hasFailed`: the service or the network failed, so this is no answer. */
  | { readonly known: false; readonly reason: string; readonly hasFailed?: true };

/** The blob and its container, as the service shows them. */
export interface TargetFacts {
  readonly address: BlobAddress;
  /** Length in bytes that the uploaded image has. */
  readonly expectedSize: number;
  /** Undefined if there is no blob. */
  readonly blob: Looked<BlobProperties | undefined>;
  /** The last 512 bytes of the blob. */
  readonly footer: Looked<Uint8Array>;
  /** Undefined if there is no container. */
  readonly access: Looked<PublicAccess | undefined>;
  readonly anonymous: Looked<AnonymousLook>;
  /** The claims of the SAS with which vhdup looked; absent for any other credential. */
  readonly sas?: SasClaims;
}

export interface CheckFacts {
  readonly purpose: Purpose;
  /** The generation to check for; undefined if it was not given and cannot be detected. */
  readonly generation: Generation | undefined;
  /** Given, or implied by the purpose. Undefined if neither: the disk itself may show it. */
  readonly osState?: OsState | undefined;
  /** Whether the machine will have an NVMe controller. Only then do its rules apply. */
  readonly hasNvme?: boolean | undefined;
  readonly blobName: string | undefined;
  readonly image: ImageFacts;
  readonly layout: DiskLayout;
  /** Partitions and logical volumes, and what hides the others. */
  readonly contents: Pick<ContentVolumes, 'volumes' | 'unread'>;
  /** For each volume that may hold data: whether it was closed cleanly. */
  readonly volumeStates: readonly VolumeState[];
  /** Undefined in the check before an upload. */
  readonly guest: GuestSystem | undefined;
  /** The installations of Windows, which may be unread. Undefined if there is none, and in the check before an upload. */
  readonly windows?: readonly WindowsInstallation[] | undefined;
  /** The blob and its container. Undefined if no destination was given. */
  readonly target?: TargetFacts | undefined;
  /** The files of the EFI system partition, if the disk has one. */
  readonly efi: GuestFileSystem | undefined;
}
