import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DISK_SKUS, type DiskOptions, diskBody } from '../../../src/azure/arm/disk-body.ts';
import { resourceId } from '../../../src/azure/arm/resource-id.ts';
import { UsageError } from '../../../src/errors.ts';

const PLACE = { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'rg' };
const PREFIX = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Compute';
const DISK = resourceId('Microsoft.Compute/disks', PLACE, 'disk1');
const DISK_ACCESS = resourceId('Microsoft.Compute/diskAccesses', PLACE, 'access');
const ENCRYPTION_SET = resourceId('Microsoft.Compute/diskEncryptionSets', PLACE, 'des');
const GIB_20 = 21_474_836_992;
const BASIC: DiskOptions = { location: 'westus', sku: 'Premium_LRS', uploadSizeBytes: GIB_20 };

describe('diskBody', () => {
  it('is what the Azure CLI sends, as recorded', () => {
    expect(diskBody(DISK, BASIC)).toEqual({
      location: 'westus',
      tags: {},
      sku: { name: 'Premium_LRS' },
      properties: { creationData: { createOption: 'Upload', uploadSizeBytes: 21474836992 } },
    });
  });

  it('has a field for every option', () => {
    expect(
      diskBody(DISK, {
        location: 'West Europe',
        sku: 'Standard_LRS',
        uploadSizeBytes: GIB_20,
        osType: 'Linux',
        generation: 2,
        architecture: 'Arm64',
        securityType: 'trusted-launch',
        zone: '3',
        tags: { 'vhdup-upload-id': '1', owner: '' },
        networkAccess: 'AllowPrivate',
        diskAccess: DISK_ACCESS,
        dataAccessAuthMode: 'AzureActiveDirectory',
        logicalSectorSize: 512,
      }),
    ).toEqual({
      location: 'westeurope',
      zones: ['3'],
      tags: { 'vhdup-upload-id': '1', owner: '' },
      sku: { name: 'Standard_LRS' },
      properties: {
        osType: 'Linux',
        hyperVGeneration: 'V2',
        creationData: { createOption: 'Upload', uploadSizeBytes: GIB_20 },
        supportedCapabilities: { architecture: 'Arm64' },
        securityProfile: { securityType: 'TrustedLaunch' },
        networkAccessPolicy: 'AllowPrivate',
        diskAccessId: `${PREFIX}/diskAccesses/access`,
        dataAccessAuthMode: 'AzureActiveDirectory',
      },
    });
  });

  it('names the disk encryption set', () => {
    expect(diskBody(DISK, { ...BASIC, diskEncryptionSet: ENCRYPTION_SET })).toMatchObject({
      properties: { encryption: { diskEncryptionSetId: `${PREFIX}/diskEncryptionSets/des` } },
    });
  });

  it('implies private access with a disk access', () => {
    expect(diskBody(DISK, { ...BASIC, diskAccess: DISK_ACCESS })).toMatchObject({
      properties: { networkAccessPolicy: 'AllowPrivate' },
    });
  });

  it.each(DISK_SKUS)('asks for sectors of 512 bytes exactly where the service would use others: %s', (sku) => {
    const { properties } = diskBody(DISK, { ...BASIC, sku });
    const expected = sku === 'PremiumV2_LRS' || sku === 'UltraSSD_LRS' ? { logicalSectorSize: 512 } : {};
    expect(properties).toEqual({ creationData: { createOption: 'Upload', uploadSizeBytes: GIB_20, ...expected } });
  });

  it.each([
    ['standard', undefined],
    ['Standard', undefined],
    ['trusted-launch', { securityType: 'TrustedLaunch' }],
    ['TrustedLaunch', { securityType: 'TrustedLaunch' }],
  ])('translates the security type %s', (securityType, expected) => {
    const { properties } = diskBody(DISK, { ...BASIC, generation: 2, osType: 'Windows', securityType });
    expect(properties).toMatchObject(expected === undefined ? {} : { securityProfile: expected });
    if (expected === undefined) expect(properties).not.toHaveProperty('securityProfile');
  });

  it('never sends diskSizeGB, which would mean a resize, nor a field without a value', () => {
    expect(JSON.stringify(diskBody(DISK, BASIC))).not.toMatch(/diskSizeGB|null/);
  });

  const MIB = 1024 * 1024;
  it.each([20 * MIB + 512, 32_767 * 1024 * MIB + 512])('accepts the limits: %i bytes', (uploadSizeBytes) => {
    expect(() => diskBody(DISK, { ...BASIC, uploadSizeBytes })).not.toThrow();
  });

  it.each([
    [19 * MIB + 512, /at least 20 MiB, but the disk has 19 MiB/],
    [
      32_767 * 1024 * MIB + 512 * MIB + 512,
      /at most 32,767 GiB \(35183298347008 bytes\), but the disk has 35183835217920 bytes/,
    ],
    [20 * MIB, /whole number of MiB and a footer/],
    [20 * MIB + 1024, /whole number of MiB and a footer/],
    [-MIB + 512, /at least 20 MiB/],
    [Number.NaN, /whole number/],
    [Number.POSITIVE_INFINITY, /whole number/],
    [21 * MIB + 512.5, /whole number/],
  ])('refuses %d bytes', (uploadSizeBytes, message) => {
    expect(() => diskBody(DISK, { ...BASIC, uploadSizeBytes })).toThrow(message);
  });

  it('accepts exactly whole MiB with a footer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 * 1024 * 1024 }), fc.integer({ min: 0, max: 1023 }), (mib, rest) => {
        const create = () => diskBody(DISK, { ...BASIC, uploadSizeBytes: mib * MIB + rest });
        if (rest === 512 && mib >= 20 && mib <= 32_767 * 1024) expect(create).not.toThrow();
        else expect(create).toThrow(UsageError);
      }),
    );
  });

  it.each<[Partial<Record<keyof DiskOptions, unknown>>, RegExp]>([
    [{ sku: 'Premium' }, /--sku must be one of Standard_LRS, .*UltraSSD_LRS, but is "Premium"/],
    [{ location: '' }, /--location must be the name of a region/],
    [{ location: 'west/europe' }, /--location/],
    [{ osType: 'windows' }, /--os-type must be one of Windows, Linux/],
    [{ generation: 3 }, /--generation must be one of 1, 2/],
    [{ architecture: 'arm' }, /--architecture must be one of x64, Arm64/],
    [{ zone: '4' }, /--zone must be one of 1, 2, 3/],
    [{ zone: '1', sku: 'Premium_ZRS' }, /spans all zones/],
    [{ dataAccessAuthMode: 'Entra' }, /--data-access-auth-mode/],
    [
      { securityType: 'ConfidentialVM_DiskEncryptedWithPlatformKey' },
      /not supported: the disk of a confidential VM needs its guest state/,
    ],
    [{ securityType: 'confidential' }, /az disk create/],
    [{ securityType: 'secure' }, /--security-type must be one of standard, trusted-launch/],
    [{ securityType: 'trusted-launch', generation: 1, osType: 'Linux' }, /needs a generation 2 disk.*--generation 1/],
    [{ securityType: 'trusted-launch', generation: 2 }, /no --os-type/],
    [{ logicalSectorSize: 4096 }, /must be 512, because a VHD has sectors of 512 bytes/],
    [{ networkAccess: 'Private' }, /--network-access must be one of/],
    [{ networkAccess: 'DenyAll' }, /denies the upload itself/],
    [{ networkAccess: 'AllowPrivate' }, /add --disk-access/],
    [{ networkAccess: 'AllowAll', diskAccess: DISK_ACCESS }, /only used with --network-access AllowPrivate/],
    [{ diskAccess: DISK_ACCESS, diskEncryptionSet: ENCRYPTION_SET }, /both a disk access and a disk encryption set/],
    [{ tags: { 'a/b': 'x' } }, /name of a tag/],
    [{ tags: { '': 'x' } }, /name of a tag/],
    [{ tags: { ['x'.repeat(513)]: 'x' } }, /name of a tag/],
    [{ tags: { a: 'x'.repeat(257) } }, /256 is the maximum/],
    [
      { tags: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, ''])) },
      /at most 50 tags, not 51/,
    ],
  ])('refuses %j', (options, message) => {
    const create = () => diskBody(DISK, { ...BASIC, ...options } as DiskOptions);
    expect(create).toThrow(UsageError);
    expect(create).toThrow(message);
  });

  it('refuses a name that only old disks have', () => {
    expect(() => diskBody(resourceId('Microsoft.Compute/disks', PLACE, 'a.b'), BASIC)).toThrow(
      /--disk must consist of/,
    );
  });
});
