// The request that creates a managed disk for upload. Pure: checks every option and sends nothing.
// Sources: REST, Disks, Create Or Update (2025-01-02); learn.microsoft.com, "Upload a VHD to Azure or copy a managed disk".
import { MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { UsageError } from '../../errors.ts';
import type { JsonObject } from './arm-error.ts';
import { assertNewDiskName, idOf, nameOf, type ResourceId } from './resource-id.ts';

export const DISK_SKUS = [
  'Standard_LRS',
  'StandardSSD_LRS',
  'StandardSSD_ZRS',
  'Premium_LRS',
  'Premium_ZRS',
  'PremiumV2_LRS',
  'UltraSSD_LRS',
] as const;
export type DiskSku = (typeof DISK_SKUS)[number];

export interface DiskOptions {
  /** Region: "westeurope" or "West Europe". */
  readonly location: string;
  readonly sku: DiskSku;
  /** Size of the whole fixed VHD with its footer, in bytes: N MiB + 512. */
  readonly uploadSizeBytes: number;
  /** Absent for a data disk. */
  readonly osType?: 'Windows' | 'Linux';
  readonly generation?: 1 | 2;
  readonly architecture?: 'x64' | 'Arm64';
  /** `trusted-launch` needs generation 2 and an operating system. @default 'standard' */
  readonly securityType?: string;
  /** Availability zone: "1", "2" or "3". @default none */
  readonly zone?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Only through the private endpoints of this disk access. */
  readonly diskAccess?: ResourceId;
  /** @default AllowPrivate with a disk access, otherwise that of the service */
  readonly networkAccess?: 'AllowAll' | 'AllowPrivate' | 'DenyAll';
  /** Whether uploads and downloads need a Microsoft Entra token in addition to the SAS. @default that of the service */
  readonly dataAccessAuthMode?: 'AzureActiveDirectory' | 'None';
  readonly diskEncryptionSet?: ResourceId;
  /** Only 512, which is the sector size of every VHD. @default 512 where the service would use 4096 */
  readonly logicalSectorSize?: number;
}

/** 20 MiB and 32,767 GiB, each with a footer of 512 bytes. */
const MIN_UPLOAD_BYTES = 20_972_032;
const MAX_UPLOAD_BYTES = 35_183_298_347_520;
const FOOTER_BYTES = 512;
/** The service uses 4096-byte sectors on these unless told otherwise. */
const FLEXIBLE_SKUS: readonly DiskSku[] = ['PremiumV2_LRS', 'UltraSSD_LRS'];
/** Source: learn.microsoft.com, "Use tags to organize your Azure resources", Limitations. */
const MAX_TAGS = 50;
const MAX_TAG_NAME = 512;
const MAX_TAG_VALUE = 256;

/**
 * The body of the PUT.
 * @throws {UsageError} an option is not valid, or two of them contradict each other.
 */
export function diskBody(disk: ResourceId, options: DiskOptions): JsonObject {
  assertNewDiskName(nameOf(disk));
  const { sku, uploadSizeBytes, osType, generation, architecture, diskEncryptionSet, diskAccess } = options;
  assertSku(sku);
  assertUploadSize(uploadSizeBytes);
  assertOneOf('--os-type', osType, ['Windows', 'Linux']);
  assertOneOf('--generation', generation === undefined ? undefined : String(generation), ['1', '2']);
  assertOneOf('--architecture', architecture, ['x64', 'Arm64']);
  assertOneOf('--data-access-auth-mode', options.dataAccessAuthMode, ['AzureActiveDirectory', 'None']);
  return withoutUndefined({
    location: regionOf(options.location),
    zones: zonesOf(options),
    tags: tagsOf(options.tags ?? {}),
    sku: { name: sku },
    properties: withoutUndefined({
      osType,
      hyperVGeneration: generation === undefined ? undefined : `V${generation}`,
      creationData: withoutUndefined({
        createOption: 'Upload',
        uploadSizeBytes,
        logicalSectorSize: sectorSizeOf(options),
      }),
      supportedCapabilities: architecture === undefined ? undefined : { architecture },
      securityProfile: securityProfileOf(options),
      networkAccessPolicy: networkAccessOf(options),
      diskAccessId: diskAccess === undefined ? undefined : idOf(diskAccess),
      dataAccessAuthMode: options.dataAccessAuthMode,
      encryption: diskEncryptionSet === undefined ? undefined : { diskEncryptionSetId: idOf(diskEncryptionSet) },
    }),
  });
}

/** "West Europe" and "westeurope" are the same. @throws {UsageError} not the name of a region. */
export function regionOf(location: string, option = '--location'): string {
  const region = location.toLowerCase().replaceAll(' ', '');
  if (/^[a-z0-9]{2,40}$/.test(region)) return region;
  throw new UsageError(`${option} must be the name of a region, such as westeurope, but is "${printable(location)}".`);
}

/** @throws {UsageError} Azure accepts no such tags. */
export function tagsOf(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(tags);
  if (entries.length > MAX_TAGS)
    throw new UsageError(`A resource has at most ${MAX_TAGS} tags, not ${entries.length}.`);
  for (const [name, value] of entries) {
    if (!/^[^<>%&\\?/]+$/.test(name) || name.length > MAX_TAG_NAME) {
      throw new UsageError(
        `The name of a tag must have 1 to ${MAX_TAG_NAME} characters without < > % & \\ ? /, but is "${printable(name)}".`,
      );
    }
    if (value.length > MAX_TAG_VALUE) {
      throw new UsageError(
        `The value of the tag "${printable(name)}" has ${value.length} characters, but ${MAX_TAG_VALUE} is the maximum.`,
      );
    }
  }
  return tags;
}

function assertSku(sku: string): void {
  assertOneOf('--sku', sku, DISK_SKUS);
}

function assertUploadSize(bytes: number): void {
  if (!Number.isSafeInteger(bytes) || (bytes - FOOTER_BYTES) % MIB !== 0) {
    throw new UsageError(
      `The VHD of a managed disk must have a whole number of MiB and a footer of 512 bytes, but has ${bytes} bytes.`,
    );
  }
  if (bytes < MIN_UPLOAD_BYTES) {
    throw new UsageError(`A managed disk needs at least 20 MiB, but the disk has ${(bytes - FOOTER_BYTES) / MIB} MiB.`);
  }
  if (bytes > MAX_UPLOAD_BYTES) {
    throw new UsageError(
      `A managed disk has at most 32,767 GiB (${MAX_UPLOAD_BYTES - FOOTER_BYTES} bytes), but the disk has ${bytes - FOOTER_BYTES} bytes.`,
    );
  }
}

function assertOneOf(option: string, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return;
  throw new UsageError(`${option} must be one of ${known.join(', ')}, but is "${printable(value)}".`);
}

function zonesOf({ zone, sku }: DiskOptions): readonly string[] | undefined {
  if (zone === undefined) return undefined;
  assertOneOf('--zone', zone, ['1', '2', '3']);
  if (sku.endsWith('_ZRS')) {
    throw new UsageError(
      `--zone ${zone} is not possible with --sku ${sku}, which spans all zones. Remove --zone, or use an LRS sku.`,
    );
  }
  return [zone];
}

function sectorSizeOf({ logicalSectorSize, sku }: DiskOptions): number | undefined {
  if (logicalSectorSize !== undefined && logicalSectorSize !== 512) {
    throw new UsageError(
      `--logical-sector-size must be 512, because a VHD has sectors of 512 bytes, but is ${logicalSectorSize}.`,
    );
  }
  return FLEXIBLE_SKUS.includes(sku) ? 512 : undefined;
}

function securityProfileOf({ securityType, generation, osType }: DiskOptions): JsonObject | undefined {
  const type = securityType?.toLowerCase() ?? 'standard';
  if (type === 'standard') return undefined;
  if (type.startsWith('confidential')) {
    throw new UsageError(
      `--security-type ${printable(securityType ?? '')} is not supported: the disk of a confidential VM needs its guest state uploaded too. Use standard or trusted-launch, or create the disk with: az disk create --upload-type UploadWithSecurityData.`,
    );
  }
  assertOneOf('--security-type', type === 'trustedlaunch' ? 'trusted-launch' : type, ['standard', 'trusted-launch']);
  if (generation !== 2 || osType === undefined) {
    throw new UsageError(
      `--security-type trusted-launch needs a generation 2 disk with an operating system, but this one has ${generation === 2 ? 'no --os-type' : `--generation ${generation ?? 'not given'}`}.`,
    );
  }
  return { securityType: 'TrustedLaunch' };
}

function networkAccessOf({ networkAccess, diskAccess, diskEncryptionSet }: DiskOptions): string | undefined {
  assertOneOf('--network-access', networkAccess, ['AllowAll', 'AllowPrivate', 'DenyAll']);
  if (networkAccess === 'DenyAll') {
    throw new UsageError(
      '--network-access DenyAll denies the upload itself. Upload without it, and then run: az disk update --network-access-policy DenyAll.',
    );
  }
  if (diskAccess === undefined) {
    if (networkAccess !== 'AllowPrivate') return networkAccess;
    throw new UsageError('--network-access AllowPrivate needs the id of a disk access: add --disk-access.');
  }
  if (networkAccess === 'AllowAll') {
    throw new UsageError(
      '--disk-access is only used with --network-access AllowPrivate. Remove one of the two options.',
    );
  }
  if (diskEncryptionSet !== undefined) {
    throw new UsageError(
      'Azure does not accept uploads to a disk that has both a disk access and a disk encryption set. Remove --disk-access or --disk-encryption-set.',
    );
  }
  return 'AllowPrivate';
}

function withoutUndefined(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
