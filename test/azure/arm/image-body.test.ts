import { describe, expect, it } from 'vitest';
import {
  type ImageOptions,
  type ImageVersionOptions,
  imageBody,
  imageVersionBody,
} from '../../../src/azure/arm/image-body.ts';
import { resourceId } from '../../../src/azure/arm/resource-id.ts';
import { UsageError } from '../../../src/errors.ts';

const PLACE = { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'rg' };
const DISK = resourceId('Microsoft.Compute/disks', PLACE, 'd1');
const DISK_ID =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Compute/disks/d1';
const ACCOUNT = resourceId('Microsoft.Storage/storageAccounts', PLACE, 'acc');
const ACCOUNT_ID =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/acc';
const BLOB = 'https://acc.blob.core.windows.net/vhds/d.vhd';

describe('imageBody', () => {
  it('is that of a disk', () => {
    expect(imageBody({ location: 'West Europe', source: { disk: DISK }, osType: 'Linux', generation: 2 })).toEqual({
      location: 'westeurope',
      tags: {},
      properties: {
        hyperVGeneration: 'V2',
        storageProfile: {
          osDisk: { osType: 'Linux', osState: 'Generalized', managedDisk: { id: DISK_ID } },
          zoneResilient: false,
        },
      },
    });
  });

  it('leaves the generation of a disk to the service', () => {
    const { properties } = imageBody({ location: 'westus', source: { disk: DISK }, osType: 'Windows' });
    expect(properties).not.toHaveProperty('hyperVGeneration');
  });

  it('is that of a blob', () => {
    expect(
      imageBody({ location: 'westus', source: { blobUrl: BLOB }, osType: 'Windows', generation: 1, tags: { a: 'b' } }),
    ).toEqual({
      location: 'westus',
      tags: { a: 'b' },
      properties: {
        hyperVGeneration: 'V1',
        storageProfile: { osDisk: { osType: 'Windows', osState: 'Generalized', blobUri: BLOB }, zoneResilient: false },
      },
    });
  });

  it.each<[Partial<Record<keyof ImageOptions, unknown>>, RegExp]>([
    [{ generation: undefined }, /needs --generation 1 or --generation 2/],
    [{ osType: 'linux' }, /--os-type must be Windows or Linux/],
    [{ location: '?' }, /--location/],
    [{ source: { blobUrl: 'vhds/d.vhd' } }, /must be the URL of a page blob/],
    [{ source: { blobUrl: 'https://acc.blob.core.windows.net/vhds' } }, /must be the URL of a page blob/],
    [
      { source: { blobUrl: `${BLOB}?sv=1&sig=c2VjcmV0c2VjcmV0` } },
      /without a SAS.*Use https:\/\/acc.blob.core.windows.net\/vhds\/d.vhd\./,
    ],
  ])('refuses %j', (options, message) => {
    const basic = { location: 'westus', source: { blobUrl: BLOB }, osType: 'Linux', generation: 1 };
    const create = () => imageBody({ ...basic, ...options } as ImageOptions);
    expect(create).toThrow(UsageError);
    expect(create).toThrow(message);
    expect(create).not.toThrow(/c2Vj/);
  });
});

describe('imageVersionBody', () => {
  it('is that of a blob, as recorded', () => {
    expect(imageVersionBody({ location: 'eastus2', source: { blobUrl: BLOB }, storageAccount: ACCOUNT })).toEqual({
      location: 'eastus2',
      tags: {},
      properties: {
        publishingProfile: { targetRegions: [{ name: 'eastus2', regionalReplicaCount: 1 }], replicaCount: 1 },
        storageProfile: {
          osDiskImage: { hostCaching: 'ReadWrite', source: { uri: BLOB, storageAccountId: ACCOUNT_ID } },
        },
      },
    });
  });

  it('is that of a disk, with the region of the gallery among the targets', () => {
    const options = {
      location: 'West US',
      source: { disk: DISK },
      regions: ['eastus', 'westus', 'East US'],
      replicas: 2,
    };
    expect(imageVersionBody(options)).toMatchObject({
      location: 'westus',
      properties: {
        publishingProfile: {
          targetRegions: [
            { name: 'westus', regionalReplicaCount: 2 },
            { name: 'eastus', regionalReplicaCount: 2 },
          ],
          replicaCount: 2,
        },
        storageProfile: { osDiskImage: { source: { id: DISK_ID } } },
      },
    });
  });

  it.each<[Partial<Record<keyof ImageVersionOptions, unknown>>, RegExp]>([
    [{ storageAccount: undefined }, /needs the resource id of its storage account/],
    [{ replicas: 0 }, /--replicas must be 1 to 100/],
    [{ replicas: 1.5 }, /--replicas/],
    [{ regions: ['?'] }, /--regions must be the name of a region/],
  ])('refuses %j', (options, message) => {
    const basic = { location: 'westus', source: { blobUrl: BLOB }, storageAccount: ACCOUNT };
    expect(() => imageVersionBody({ ...basic, ...options } as ImageVersionOptions)).toThrow(message);
  });
});
