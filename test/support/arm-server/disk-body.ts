// The body of a disk for upload, and the rules of the service for it ("Disks - Create Or Update" in the REST reference; the guide to
// upload a VHD). Rules that are unknown are strict.

import { MIB } from '../../../src/base/byte-range.ts';
import { badRequest, invalidParameter } from './errors.ts';
import { flag, integer, list, object, oneOf, type Schema, tags, text } from './schema.ts';

export const MIN_UPLOAD_BYTES = 20 * MIB + 512;
/** 35,183,298,347,520 in the REST reference: 32,767 GiB, one less than 32 TiB, and the footer. */
export const MAX_UPLOAD_BYTES = 32_767 * 1024 * MIB + 512;

const RESOURCE_ID = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/[^/]+(?:\/[^/]+\/[^/]+)+$/i;
const RATE = integer(1, 1_000_000);

const NETWORK = {
  networkAccessPolicy: oneOf('AllowAll', 'AllowPrivate', 'DenyAll'),
  diskAccessId: text(RESOURCE_ID),
  publicNetworkAccess: oneOf('Enabled', 'Disabled'),
  dataAccessAuthMode: oneOf('AzureActiveDirectory', 'None'),
};

const CREATION_DATA = object(
  {
    createOption: oneOf(
      'Upload',
      'UploadPreparedSecure',
      'Import',
      'ImportSecure',
      'Copy',
      'Empty',
      'FromImage',
      'Restore',
    ),
  },
  {
    uploadSizeBytes: integer(0, Number.MAX_SAFE_INTEGER),
    logicalSectorSize: integer(0, 65536),
    performancePlus: flag(),
  },
);

const PROPERTIES = object(
  { creationData: CREATION_DATA },
  {
    osType: oneOf('Windows', 'Linux'),
    hyperVGeneration: oneOf('V1', 'V2'),
    diskSizeGB: integer(1, 65536),
    securityProfile: object(
      {
        securityType: oneOf(
          'TrustedLaunch',
          'ConfidentialVM_VMGuestStateOnlyEncryptedWithPlatformKey',
          'ConfidentialVM_DiskEncryptedWithPlatformKey',
          'ConfidentialVM_DiskEncryptedWithCustomerKey',
          'ConfidentialVM_NonPersistedTPM',
        ),
      },
      { secureVMDiskEncryptionSetId: text(RESOURCE_ID) },
    ),
    supportedCapabilities: object(
      {},
      {
        architecture: oneOf('x64', 'Arm64'),
        diskControllerTypes: oneOf('SCSI', 'SCSI, NVME'),
        acceleratedNetwork: flag(),
      },
    ),
    ...NETWORK,
    encryption: object(
      {},
      {
        type: oneOf(
          'EncryptionAtRestWithPlatformKey',
          'EncryptionAtRestWithCustomerKey',
          'EncryptionAtRestWithPlatformAndCustomerKeys',
        ),
        diskEncryptionSetId: text(RESOURCE_ID),
      },
    ),
    burstingEnabled: flag(),
    tier: text(/^[PES]\d{1,2}$/),
    maxShares: integer(1, 10),
    diskIOPSReadWrite: RATE,
    diskMBpsReadWrite: RATE,
  },
);

/** A PUT of a disk. */
export const DISK_BODY = object(
  { location: text(), properties: PROPERTIES },
  {
    zones: list(oneOf('1', '2', '3')),
    tags: tags(),
    sku: object(
      {
        name: oneOf(
          'Standard_LRS',
          'Premium_LRS',
          'StandardSSD_LRS',
          'UltraSSD_LRS',
          'Premium_ZRS',
          'StandardSSD_ZRS',
          'PremiumV2_LRS',
        ),
      },
      {},
    ),
  },
);

/** A PATCH of a disk. */
export const DISK_PATCH = object({}, { tags: tags(), properties: object({}, NETWORK) });

type ResultOf<S> = S extends Schema<infer T> ? T : never;
export type DiskBody = ResultOf<typeof DISK_BODY>;
export type DiskProperties = DiskBody['properties'];

/** Throws 400 if the fields do not fit together for an upload. */
export function checkUploadDisk({ properties, sku, zones }: DiskBody): void {
  const { creationData, diskSizeGB } = properties;
  if (creationData.createOption !== 'Upload') {
    throw invalidParameter(
      'creationData.createOption',
      `This server creates disks only with Upload, not ${creationData.createOption}.`,
    );
  }
  if (diskSizeGB !== undefined) {
    throw invalidParameter('diskSizeGB', "diskSizeGB must not be set when 'creationData.createOption' is 'Upload'.");
  }
  checkUploadSize(creationData.uploadSizeBytes);
  checkSectorSize(creationData.logicalSectorSize, sku?.name ?? 'Standard_LRS');
  checkSecurity(properties);
  checkNetwork(properties);
  checkEncryption(properties);
  const skuName = sku?.name ?? 'Standard_LRS';
  if (zones !== undefined && (zones.length > 1 || skuName.endsWith('_ZRS'))) {
    throw invalidParameter('zones', `A disk of ${skuName} cannot be in the zones ${zones.join(', ')}.`);
  }
  if (properties.burstingEnabled !== undefined && !skuName.startsWith('Premium_')) {
    throw invalidParameter('burstingEnabled', `On-demand bursting is not available for ${skuName}.`);
  }
  const setsRate = properties.diskIOPSReadWrite !== undefined || properties.diskMBpsReadWrite !== undefined;
  if (setsRate && !hasFreeSectorSize(skuName)) {
    throw invalidParameter('diskIOPSReadWrite', `The performance of ${skuName} cannot be set.`);
  }
}

function checkUploadSize(size: number | undefined): void {
  const path = 'creationData.uploadSizeBytes';
  if (size === undefined) throw invalidParameter(path, `Required parameter '${path}' is missing (null).`);
  if (size < MIN_UPLOAD_BYTES || size > MAX_UPLOAD_BYTES) {
    throw invalidParameter(
      path,
      `The value '${size}' of parameter '${path}' is out of range. It must be between ${MIN_UPLOAD_BYTES} and ${MAX_UPLOAD_BYTES}, inclusive.`,
    );
  }
  if ((size - 512) % MIB !== 0) {
    throw invalidParameter(
      path,
      `The value '${size}' of parameter '${path}' must be a whole number of MiB plus the footer of 512 bytes.`,
    );
  }
}

/** Ultra and Premium SSD v2: the default is 4096, and a VHD has sectors of 512 bytes. */
function checkSectorSize(sectorSize: number | undefined, sku: string): void {
  const path = 'creationData.logicalSectorSize';
  if (hasFreeSectorSize(sku) && sectorSize !== 512) {
    throw invalidParameter(
      path,
      `A VHD can be uploaded to ${sku} only with a logical sector size of 512, not ${sectorSize ?? 4096}.`,
    );
  }
  if (!hasFreeSectorSize(sku) && sectorSize !== undefined) {
    throw invalidParameter(path, `The logical sector size of ${sku} cannot be set.`);
  }
}

function hasFreeSectorSize(sku: string): boolean {
  return sku === 'UltraSSD_LRS' || sku === 'PremiumV2_LRS';
}

function checkSecurity({ securityProfile, osType, hyperVGeneration }: DiskProperties): void {
  if (securityProfile === undefined) return;
  const { securityType, secureVMDiskEncryptionSetId } = securityProfile;
  const path = 'securityProfile.securityType';
  if (securityType !== 'TrustedLaunch') {
    throw badRequest('BadRequest', `Security type ${securityType} is not supported with create option Upload.`, path);
  }
  if (hyperVGeneration !== 'V2' || osType === undefined) {
    throw invalidParameter(path, `Security type ${securityType} needs an OS disk of generation V2.`);
  }
  if (secureVMDiskEncryptionSetId !== undefined) {
    throw invalidParameter(
      'securityProfile.secureVMDiskEncryptionSetId',
      `It cannot be set with security type ${securityType}.`,
    );
  }
}

/** Throws 400 if the network policy, the disk access and the encryption do not fit together. */
export function checkNetwork({
  networkAccessPolicy,
  diskAccessId,
  encryption,
}: Pick<DiskProperties, 'networkAccessPolicy' | 'diskAccessId' | 'encryption'>): void {
  if ((networkAccessPolicy === 'AllowPrivate') !== (diskAccessId !== undefined)) {
    throw invalidParameter(
      'diskAccessId',
      'diskAccessId must be set if, and only if, networkAccessPolicy is AllowPrivate.',
    );
  }
  if (diskAccessId !== undefined && encryption?.diskEncryptionSetId !== undefined) {
    throw invalidParameter(
      'diskAccessId',
      'A disk with a disk access and a disk encryption set cannot be uploaded to.',
    );
  }
}

function checkEncryption({ encryption }: DiskProperties): void {
  const needsSet = encryption?.type !== undefined && encryption.type !== 'EncryptionAtRestWithPlatformKey';
  if (needsSet === (encryption?.diskEncryptionSetId !== undefined)) return;
  throw invalidParameter(
    'encryption.diskEncryptionSetId',
    'It must be set if, and only if, encryption.type names customer keys.',
  );
}
