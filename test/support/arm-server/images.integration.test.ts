// Managed images and compute galleries on the test server of Resource Manager.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ManagedDisks, startManagedDisks } from '../managed-disks.ts';
import { GALLERIES_VERSION, IMAGES_VERSION, RawArm } from './raw-arm.ts';

const BLOB = 'https://acc.blob.core.windows.net/vhds/d.vhd';
const IDENTIFIER = { publisher: 'me', offer: 'linux', sku: 'gen2' };

let servers: ManagedDisks;
let arm: RawArm;

beforeEach(async () => {
  const gen2 = { osType: 'Linux', hyperVGeneration: 'V2' } as const;
  servers = await startManagedDisks({
    storageAccounts: ['acc'],
    disks: [
      { name: 'd', state: 'Unattached', properties: gen2 },
      { name: 'uploading', state: 'ActiveUpload', properties: gen2 },
    ],
  });
  arm = new RawArm(servers);
});
afterEach(async () => {
  await servers.close();
});

const putImage = (osDisk: object, properties: object = {}, method: 'send' | 'run' = 'send') =>
  arm[method]('PUT', 'images/i', {
    apiVersion: IMAGES_VERSION,
    body: { location: 'westeurope', properties: { storageProfile: { osDisk }, ...properties } },
  });
const osDisk = (change: object = {}) => ({ osType: 'Linux', osState: 'Generalized', ...change });
const fromDisk = (name: string) => ({ managedDisk: { id: arm.path(`disks/${name}`) } });

describe('an image', () => {
  it('of a disk is answered as in the recording: 201 and one header', async () => {
    const started = await putImage(osDisk(fromDisk('d')), { hyperVGeneration: 'V2' });
    expect(started).toMatchObject({ status: 201, json: { name: 'i', properties: { provisioningState: 'Creating' } } });
    expect([started.headers.has('azure-asyncoperation'), started.headers.has('location')]).toEqual([true, false]);
    await arm.sendTo(started.headers.get('azure-asyncoperation') ?? '', 'GET');
    expect((await arm.send('GET', 'images/i', { apiVersion: IMAGES_VERSION })).json).toMatchObject({
      type: 'Microsoft.Compute/images',
      properties: {
        provisioningState: 'Succeeded',
        hyperVGeneration: 'V2',
        storageProfile: {
          zoneResilient: false,
          osDisk: {
            osType: 'Linux',
            osState: 'Generalized',
            diskSizeGB: 1,
            caching: 'None',
            storageAccountType: 'Standard_LRS',
          },
        },
      },
    });
  });

  it('takes the generation from its disk', async () => {
    await putImage(osDisk(fromDisk('d')), {}, 'run');
    expect(servers.arm.resources.resource('images/i').properties).toMatchObject({ hyperVGeneration: 'V2' });
  });

  it('of a blob has the generation that was given', async () => {
    await putImage(osDisk({ blobUri: BLOB }), { hyperVGeneration: 'V1' }, 'run');
    expect(servers.arm.resources.resource('images/i').properties).toMatchObject({
      hyperVGeneration: 'V1',
      storageProfile: { osDisk: { blobUri: BLOB } },
    });
  });

  it('of a disk in upload fails with an internal error', async () => {
    const { json } = await putImage(osDisk(fromDisk('uploading')), {}, 'run');
    expect(json).toMatchObject({ status: 'Failed', error: { code: 'InternalExecutionError' } });
    expect(servers.arm.resources.resource('images/i').provisioningState).toBe('Failed');
  });

  it.each([
    ['no source', {}, {}, '400 InvalidParameter'],
    [
      'a snapshot that does not exist',
      { snapshot: { id: '/subscriptions/s/snapshots/s' } },
      {},
      '404 ResourceNotFound',
    ],
    ['a blob without a generation', { blobUri: BLOB }, {}, '400 InvalidParameter'],
    ['a blob with a SAS', { blobUri: `${BLOB}?sig=abc` }, { hyperVGeneration: 'V1' }, '400 InvalidParameter'],
    ['a blob by http', { blobUri: BLOB.replace('https', 'http') }, { hyperVGeneration: 'V1' }, '400 InvalidParameter'],
    [
      'a blob without a container',
      { blobUri: 'https://acc.blob.core.windows.net/d' },
      { hyperVGeneration: 'V1' },
      '400 InvalidParameter',
    ],
    [
      'a blob of an unknown account',
      { blobUri: BLOB.replace('acc', 'other') },
      { hyperVGeneration: 'V1' },
      '400 StorageAccountNotFound',
    ],
    [
      'a specialized disk',
      { blobUri: BLOB, osState: 'Specialized' },
      { hyperVGeneration: 'V1' },
      '400 InvalidParameter',
    ],
    ['no OS type', { blobUri: BLOB, osType: undefined }, { hyperVGeneration: 'V1' }, '400 InvalidParameter'],
    ['an unknown key', { blobUri: BLOB, size: 1 }, { hyperVGeneration: 'V1' }, '400 InvalidRequestContent'],
  ])('of %s is refused', async (_, source, properties, outcome) => {
    expect((await putImage(osDisk(source), properties)).outcome).toBe(outcome);
  });

  it('must fit its disk', async () => {
    const image = (change: object, properties: object = {}) =>
      putImage(osDisk({ ...fromDisk('d'), ...change }), properties);
    const answers = [
      await image({ managedDisk: { id: arm.path('disks/other') } }),
      await image({}, { hyperVGeneration: 'V1' }),
      await image({ osType: 'Windows' }),
      await image({ blobUri: BLOB }, { hyperVGeneration: 'V2' }),
    ];
    expect(answers.map(({ outcome }) => outcome)).toEqual([
      '400 NotFound',
      '400 BadRequest',
      '400 BadRequest',
      '400 InvalidParameter',
    ]);
  });

  it('can be repeated, but not made of something else', async () => {
    await putImage(osDisk(fromDisk('d')), {}, 'run');
    expect((await putImage(osDisk(fromDisk('d')))).status).toBe(200);
    expect((await putImage(osDisk({ blobUri: BLOB }), { hyperVGeneration: 'V2' })).outcome).toBe(
      '409 PropertyChangeNotAllowed',
    );
  });

  it('can be deleted', async () => {
    await putImage(osDisk(fromDisk('d')), {}, 'run');
    await arm.run('DELETE', 'images/i', { apiVersion: IMAGES_VERSION });
    expect((await arm.send('GET', 'images/i', { apiVersion: IMAGES_VERSION })).outcome).toBe('404 ResourceNotFound');
    expect((await arm.send('DELETE', 'images/i', { apiVersion: IMAGES_VERSION })).status).toBe(204);
  });
});

describe('a gallery', () => {
  const put = (path: string, properties: object, method: 'send' | 'run' = 'run') =>
    arm[method]('PUT', path, { apiVersion: GALLERIES_VERSION, body: { location: 'westeurope', properties } });
  const definition = { osType: 'Linux', osState: 'Generalized', identifier: IDENTIFIER, hyperVGeneration: 'V2' };
  const VERSION = 'galleries/g/images/def/versions/1.0.0';

  beforeEach(async () => {
    await put('galleries/g', { description: 'images' });
    await put('galleries/g/images/def', definition);
  });

  const osDiskImage = (source: object) => ({ storageProfile: { osDiskImage: { hostCaching: 'ReadWrite', source } } });

  it('has a version of a disk, answered as in the recording', async () => {
    const publishingProfile = { targetRegions: [{ name: 'West Europe', regionalReplicaCount: 1 }], replicaCount: 1 };
    const started = await put(VERSION, { publishingProfile, ...osDiskImage({ id: arm.path('disks/d') }) }, 'send');
    expect(started).toMatchObject({
      status: 201,
      json: {
        name: '1.0.0',
        properties: { provisioningState: 'Creating', publishingProfile: { publishedDate: expect.any(String) } },
      },
    });
    const url = started.headers.get('azure-asyncoperation') ?? '';
    expect([url.includes('/capsOperations/'), started.headers.has('location')]).toEqual([true, false]);
    await arm.sendTo(url, 'GET');
    const { json } = await arm.send('GET', VERSION, { apiVersion: GALLERIES_VERSION });
    expect(json).toMatchObject({
      properties: {
        provisioningState: 'Succeeded',
        storageProfile: { osDiskImage: { hostCaching: 'ReadWrite', sizeInGB: 1 } },
      },
    });
    const again = await put(VERSION, { publishingProfile, ...osDiskImage({ id: arm.path('disks/d') }) }, 'send');
    expect(again.status).toBe(200);
  });

  it('has a version of a blob, with the id of its account', async () => {
    const storageAccountId = servers.arm.resources.state.storageAccounts.get('acc')?.id ?? '';
    expect((await put(VERSION, osDiskImage({ uri: BLOB, storageAccountId }), 'send')).status).toBe(201);
    const other = await put(
      VERSION.replace('1.0.0', '1.0.1'),
      osDiskImage({ uri: BLOB, storageAccountId: '/x' }),
      'send',
    );
    expect(other.outcome).toBe('400 InvalidParameter');
  });

  it('has a version of a managed image', async () => {
    await putImage(osDisk(fromDisk('d')), {}, 'run');
    expect((await put(VERSION, { storageProfile: { source: { id: arm.path('images/i') } } }, 'send')).status).toBe(201);
  });

  it('has no version of a disk in upload', async () => {
    const { json } = await put(VERSION, osDiskImage({ id: arm.path('disks/uploading') }));
    expect(json).toMatchObject({ status: 'Failed', error: { code: 'InternalExecutionError' } });
  });

  it.each([
    ['a name of two numbers', '1.0', osDiskImage({}), '400 InvalidParameter'],
    ['a name that is no number', 'latest', osDiskImage({}), '400 InvalidParameter'],
    ['no source', '1.0.0', { storageProfile: {} }, '400 InvalidParameter'],
    ['an unknown key', '1.0.0', { ...osDiskImage({}), size: 1 }, '400 InvalidRequestContent'],
    ['an unknown disk', '1.0.0', osDiskImage({ id: '/subscriptions/s/disks/x' }), '400 NotFound'],
    ['an unknown image', '1.0.0', { storageProfile: { source: { id: '/subscriptions/s/images/x' } } }, '400 NotFound'],
  ])('has no version with %s', async (_, name, properties, outcome) => {
    expect((await put(VERSION.replace('1.0.0', name), properties, 'send')).outcome).toBe(outcome);
  });

  it('has no version in other regions only', async () => {
    const publishingProfile = { targetRegions: [{ name: 'eastus' }] };
    const answer = await put(VERSION, { publishingProfile, ...osDiskImage({ id: arm.path('disks/d') }) }, 'send');
    expect(answer.outcome).toBe('400 InvalidParameter');
  });

  it('has no version of another generation', async () => {
    await put('galleries/g/images/gen1', { ...definition, hyperVGeneration: 'V1' });
    const path = 'galleries/g/images/gen1/versions/1.0.0';
    const answer = await put(path, osDiskImage({ id: arm.path('disks/d') }), 'send');
    expect(answer.json).toMatchObject({
      error: { code: 'InvalidParameter', message: expect.stringContaining("['V2']") },
    });
  });

  it('and its definition must exist first', async () => {
    const paths = ['galleries/other/images/def', 'galleries/g/images/other/versions/1.0.0'];
    const answers = [await put(paths[0] ?? '', definition, 'send'), await put(paths[1] ?? '', osDiskImage({}), 'send')];
    expect(answers.map(({ outcome }) => outcome)).toEqual(['404 ParentResourceNotFound', '404 ParentResourceNotFound']);
  });

  it('has a definition whose kind cannot change', async () => {
    const again = await put('galleries/g/images/def', definition, 'send');
    const other = await put('galleries/g/images/def', { ...definition, osState: 'Specialized' }, 'send');
    expect([again.status, other.outcome]).toEqual([200, '409 PropertyChangeNotAllowed']);
  });

  it('loses a version that is deleted', async () => {
    await put(VERSION, osDiskImage({ id: arm.path('disks/d') }));
    await arm.run('DELETE', VERSION, { apiVersion: GALLERIES_VERSION });
    expect((await arm.send('GET', VERSION, { apiVersion: GALLERIES_VERSION })).outcome).toBe('404 ResourceNotFound');
  });
});
