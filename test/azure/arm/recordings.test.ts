import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { diskBody } from '../../../src/azure/arm/disk-body.ts';
import { imageVersionBody } from '../../../src/azure/arm/image-body.ts';
import { locationOfGroup } from '../../../src/azure/arm/resource-groups.ts';
import { parseResource, type ResourceType, resourceId } from '../../../src/azure/arm/resource-id.ts';
import { withoutProxies } from '../../support/forwarding-proxy.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';
import * as images from './image-recordings.ts';
import * as recordings from './recordings.ts';
import { replay, startReplay } from './replayed-arm.ts';

const PLACE = { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'rg' };
const disk = (name: string) => resourceId('Microsoft.Compute/disks', PLACE, name);
const VERSION: ResourceType = 'Microsoft.Compute/galleries/images/versions';
const { signal } = new AbortController();

beforeEach(withoutProxies);
afterEach(() => {
  vi.unstubAllEnvs();
});

/** The body of the first request with one that changes something. */
function bodyIn({ exchanges }: recordings.Recording): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(exchanges.find(({ body }) => body !== undefined)?.body ?? {}));
}

// vhdup itself asks for newer API versions: disks 2025-01-02, images 2024-11-01, galleries 2025-03-03. Here it uses those of the
// recordings, so that everything else is compared.
describe('a recording of managed disks, replayed', () => {
  it('creates a disk for an upload, in the region of its resource group', async () => {
    await replay(recordings.DISK_UPLOAD, async ({ client, disks }) => {
      const location = await locationOfGroup(client, PLACE, signal);
      const options = { location, sku: 'Premium_LRS', uploadSizeBytes: 21_474_836_992 } as const;
      const created = await disks.create(disk('disk1'), diskBody(disk('disk1'), options), signal);
      expect(created).toMatchObject({
        diskState: 'ReadyToUpload',
        uniqueId: '00000000-0000-0000-0000-0000000000f1',
        uploadSizeBytes: 21_474_836_992,
      });
    });
  });

  it('creates a disk, gets access and ends it', async () => {
    await replay(recordings.UPLOAD_CYCLE, async ({ disks }) => {
      // Today the upload size is required, and a size in GiB is not allowed.
      const created = await disks.create(disk('d1'), bodyIn(recordings.UPLOAD_CYCLE), signal);
      expect(created).toMatchObject({ diskState: 'ReadyToUpload', uniqueId: undefined, uploadSizeBytes: undefined });
      const { accessSas } = await disks.grantWrite(disk('d1'), 3600, signal);
      expect(accessSas.reveal()).toContain('&sig=');
      expect(await disks.endAccess(disk('d1'), signal)).toMatchObject({ diskState: 'Unattached' });
    });
  });

  it('creates the largest disk, and updates it while it waits for its upload', async () => {
    const { LARGEST_DISK_UPLOAD, LARGEST_UPLOAD } = recordings;
    const pauses = await replay(LARGEST_DISK_UPLOAD, async ({ disks }) => {
      const body = bodyIn(LARGEST_DISK_UPLOAD);
      const created = await disks.create(disk('disk1'), body, signal);
      expect(created).toMatchObject({ location: 'eastus', uploadSizeBytes: LARGEST_UPLOAD });
      expect(await disks.get(disk('disk1'), signal)).toEqual(created);
      const options = { location: 'East US', sku: 'Standard_LRS', uploadSizeBytes: LARGEST_UPLOAD } as const;
      const ours = diskBody(disk('disk1'), { ...options, osType: 'Windows' });
      expect(ours).toEqual({ ...body, location: 'eastus' });
      const rates = { diskIOPSReadWrite: 2000, diskMBpsReadWrite: 500 };
      const properties = {
        osType: 'Windows',
        creationData: { createOption: 'Upload', uploadSizeBytes: LARGEST_UPLOAD },
      };
      const updated = await disks.create(disk('disk1'), { ...ours, properties: { ...properties, ...rates } }, signal);
      expect(updated).toMatchObject({ diskState: 'ReadyToUpload', uniqueId: created.uniqueId });
    });
    expect(pauses, 'as Retry-After says').toEqual([2000, 2000]);
  });

  it('creates, updates, exports and deletes a disk', async () => {
    const pauses = await replay(recordings.DISK_EXPORT, async ({ client, disks }) => {
      const body = { location: 'eastus', properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 200 } };
      const created = await disks.create(disk('disk2'), body, signal);
      expect(await disks.get(disk('disk2'), signal)).toEqual(created);
      const [path, apiVersion] = [`${recordings.GROUP}/providers/Microsoft.Compute/disks/disk2`, '2023-01-02'];
      const change = { properties: { networkAccessPolicy: 'AllowAll' } };
      await client.patch({ what: 'Update disk disk2', path, apiVersion }, change, signal);
      const { accessSas } = await disks.grantRead(disk('disk2'), 300, signal);
      expect(accessSas.url).toContain('https://md-hdd-xxxxxxxxxxxx.z47.blob.storage.azure.net/');
      await disks.endAccess(disk('disk2'), signal);
      await disks.delete(disk('disk2'), signal);
    });
    expect(pauses).toEqual([2000, 2000, 1000, 1000, 1000]);
  });

  it('shows that somebody may read a disk', async () => {
    const { exchanges } = recordings.DISK_IN_USE;
    const bodies = exchanges.filter(({ request }) => request.startsWith('PUT')).map(({ body }) => body);
    await replay(recordings.DISK_IN_USE, async ({ client, disks }) => {
      expect(await locationOfGroup(client, PLACE, signal)).toBe('westus');
      await disks.create(disk('d1'), { ...Object(bodies[0]) }, signal);
      expect(await disks.get(disk('d1'), signal)).toMatchObject({ sku: 'Premium_LRS', tags: { tag1: 'd1' } });
      const resized = await disks.create(disk('d1'), { ...Object(bodies[1]) }, signal);
      expect(resized).toMatchObject({ sku: 'Standard_LRS', diskSizeBytes: 10_737_418_240 });
      await disks.grantRead(disk('d1'), 10, signal);
      expect(await disks.get(disk('missing'), signal)).toBeUndefined();
      expect(await disks.get(disk('d1'), signal)).toMatchObject({ diskState: 'ActiveSAS' });
    });
  });
});

describe('a recording of images, replayed', () => {
  it('creates a managed image, whose source is the virtual machine and not one of its disks', async () => {
    await replay(images.MANAGED_IMAGE, async (arm) => {
      const image = resourceId('Microsoft.Compute/images', PLACE, 'img');
      await arm.images.create(image, bodyIn(images.MANAGED_IMAGE), signal);
      expect(await arm.images.find(image, signal)).toMatchObject({
        source: `${recordings.GROUP}/providers/Microsoft.Compute/virtualMachines/vm`,
        osType: 'Linux',
        hyperVGeneration: 'V1',
        provisioningState: 'Succeeded',
      });
    });
  });

  it('creates a version of a blob', async () => {
    await replay(images.BLOB_VERSION, async (arm) => {
      const definition = resourceId('Microsoft.Compute/galleries/images', PLACE, 'g', 'image');
      expect(await arm.images.definition(definition, signal)).toMatchObject({
        osType: 'Linux',
        osState: 'Generalized',
        hyperVGeneration: 'V1',
        architecture: 'x64',
      });
      const version = resourceId(VERSION, PLACE, 'g', 'image', '1.0.0');
      expect(await arm.images.createVersion(version, images.VERSION_BODY, signal)).toMatchObject({ name: '1.0.0' });
    });
  });

  it('has the values that the service chooses in the body of vhdup', () => {
    const { storageAccountId, uri } = images.BLOB_SOURCE;
    const storageAccount = parseResource(storageAccountId, 'Microsoft.Storage/storageAccounts', 'The account');
    const ours = imageVersionBody({ location: 'West US', source: { blobUrl: uri }, storageAccount });
    const { location, properties } = images.imageVersion('Creating');
    const [region] = properties.publishingProfile.targetRegions;
    const renamed = { ...region, name: 'westus' };
    expect({
      location,
      tags: {},
      properties: { ...properties, publishingProfile: { ...properties.publishingProfile, targetRegions: [renamed] } },
    }).toMatchObject(ours);
  });

  it('finds the source of a version that was made of a managed image', async () => {
    await replay(images.IMAGE_OF_IMAGE, async (arm) => {
      expect(await arm.images.findVersion(resourceId(VERSION, PLACE, 'g', 'image', '1.1.2'), signal)).toMatchObject({
        source: `${recordings.GROUP}/providers/Microsoft.Compute/images/managedImage1`,
        regions: [{ name: 'West US' }, { name: 'West Central US' }],
      });
    });
  });
});

describe('a replay', () => {
  const { DISK_UPLOAD } = recordings;

  it('fails if the client sends something that is not recorded there', async () => {
    const { disks, deviations } = await startReplay(DISK_UPLOAD);
    await failureOf(disks.get(disk('disk1'), signal));
    expect(deviations).toEqual([expect.stringContaining('the recording has GET')]);
  });

  it.each([
    ['another body', { tags: { a: 'b' } }],
    ['no such field', { tags: undefined }],
  ])('fails if the client sends %s', async (_, change) => {
    const { client, disks, deviations } = await startReplay(DISK_UPLOAD);
    await locationOfGroup(client, PLACE, signal);
    await failureOf(disks.create(disk('disk1'), { ...bodyIn(DISK_UPLOAD), ...change }, signal));
    expect(deviations).toEqual([expect.stringContaining('the recording has the body')]);
  });

  it('fails if the client stops early', async () => {
    const { client, missing } = await startReplay(DISK_UPLOAD);
    await locationOfGroup(client, PLACE, signal);
    expect(missing()).toHaveLength(3);
    expect(missing()[0]).toMatch(/^PUT /);
  });

  it('fails if the client continues after the end', async () => {
    const { disks, deviations } = await startReplay({ ...DISK_UPLOAD, exchanges: [] });
    await failureOf(disks.get(disk('disk1'), signal));
    expect(deviations).toEqual([expect.stringContaining('the recording has ended')]);
  });
});
