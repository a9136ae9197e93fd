// Disks on the test server of Resource Manager: what a body may hold, and the states of an upload.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixedFooter } from '../disk-server/vhd-footer.ts';
import { type ManagedDisks, startManagedDisks } from '../managed-disks.ts';
import { rangeHeader, rawRequest, withQuery } from '../raw-request.ts';
import { RawArm, sasUrlIn } from './raw-arm.ts';

const MIB = 1024 * 1024;
const SIZE = 20 * MIB + 512;
const DAY = { access: 'Write', durationInSeconds: 86_400 };

let servers: ManagedDisks;
let arm: RawArm;

beforeEach(async () => {
  servers = await startManagedDisks();
  arm = new RawArm(servers);
});
afterEach(async () => {
  await servers.close();
});

function bodyOf(change: object = {}, properties: object = {}, creation: object = {}): object {
  const creationData = { createOption: 'Upload', uploadSizeBytes: SIZE, ...creation };
  return { location: 'westeurope', properties: { creationData, ...properties }, ...change };
}

const put = (name: string, ...parts: Parameters<typeof bodyOf>) =>
  arm.send('PUT', `disks/${name}`, { body: bodyOf(...parts) });

async function writeFooter(url: string, footer: Uint8Array = fixedFooter(SIZE - 512)): Promise<void> {
  const headers = {
    'x-ms-version': '2023-08-03',
    'x-ms-page-write': 'update',
    'x-ms-range': rangeHeader(SIZE - 512, 512),
  };
  const { status } = await rawRequest(withQuery(url, 'comp=page'), { method: 'PUT', headers, body: footer });
  expect(status).toBe(201);
}

describe('the body of a new disk', () => {
  const id = '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/des';
  const access = '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/diskAccesses/da';
  const trusted = { securityProfile: { securityType: 'TrustedLaunch' }, hyperVGeneration: 'V2', osType: 'Linux' };

  it.each([
    ['the least', {}, {}, {}],
    ['tags, SKU and zone', { tags: { a: 'b' }, sku: { name: 'Premium_LRS' }, zones: ['2'] }, {}, {}],
    [
      'an operating system',
      {},
      { osType: 'Windows', hyperVGeneration: 'V2', supportedCapabilities: { architecture: 'x64' } },
      {},
    ],
    ['Trusted Launch', {}, trusted, {}],
    [
      'a private endpoint',
      {},
      { networkAccessPolicy: 'AllowPrivate', diskAccessId: access, publicNetworkAccess: 'Disabled' },
      {},
    ],
    ['Entra ID', {}, { dataAccessAuthMode: 'AzureActiveDirectory' }, {}],
    [
      'a key of the customer',
      {},
      { encryption: { type: 'EncryptionAtRestWithCustomerKey', diskEncryptionSetId: id } },
      {},
    ],
    ['Premium SSD v2', { sku: { name: 'PremiumV2_LRS' } }, { diskIOPSReadWrite: 3000 }, { logicalSectorSize: 512 }],
    ['the display name of a region', { location: 'West Europe' }, {}, {}],
    ['the smallest size', {}, {}, { uploadSizeBytes: 20_972_032 }],
    ['the largest size', {}, {}, { uploadSizeBytes: 35_183_298_347_520 }],
  ])('may have %s', async (_, change, properties, creation) => {
    expect((await put('d', change, properties, creation)).outcome).toBe('202');
    expect(servers.arm.resources.disk('d').location).toBe('westeurope');
  });

  const content = 'InvalidRequestContent';
  const parameter = 'InvalidParameter';
  it.each([
    ['an unknown key', { owner: 'me' }, {}, {}, content],
    ['an unknown property', {}, { diskSize: 4 }, {}, content],
    ['an unknown field of creationData', {}, {}, { uploadSizeByte: SIZE }, content],
    ['a wrong type', {}, {}, { uploadSizeBytes: String(SIZE) }, content],
    ['a tag that is no text', { tags: { a: 1 } }, {}, {}, content],
    ['a tag with a slash', { tags: { 'a/b': '1' } }, {}, {}, parameter],
    ['an unknown SKU', { sku: { name: 'Gold_LRS' } }, {}, {}, content],
    ['a SKU in another case', { sku: { name: 'premium_lrs' } }, {}, {}, content],
    ['a read-only field', {}, { diskState: 'ReadyToUpload' }, {}, content],
    ['an unknown region', { location: 'atlantis' }, {}, {}, 'LocationNotAvailableForResourceType'],
    ['no size', {}, {}, { uploadSizeBytes: undefined }, parameter],
    ['a size below 20 MiB', {}, {}, { uploadSizeBytes: 19 * MIB + 512 }, parameter],
    ['a size of 32 TiB', {}, {}, { uploadSizeBytes: 32 * 1024 ** 4 + 512 }, parameter],
    ['a MiB more than the largest size', {}, {}, { uploadSizeBytes: 35_183_298_347_520 + MIB }, parameter],
    ['a size without the footer', {}, {}, { uploadSizeBytes: 20 * MIB }, parameter],
    ['a size of half a MiB', {}, {}, { uploadSizeBytes: 20 * MIB + MIB / 2 + 512 }, parameter],
    ['the size of the disk', {}, { diskSizeGB: 1 }, {}, parameter],
    ['another create option', {}, {}, { createOption: 'Import' }, parameter],
    ['the option that was removed', {}, {}, { createOption: 'UploadWithSecurityData' }, content],
    ['Ultra without a sector size', { sku: { name: 'UltraSSD_LRS' } }, {}, {}, parameter],
    ['Ultra with sectors of 4096 bytes', { sku: { name: 'UltraSSD_LRS' } }, {}, { logicalSectorSize: 4096 }, parameter],
    ['a sector size with Premium SSD', { sku: { name: 'Premium_LRS' } }, {}, { logicalSectorSize: 512 }, parameter],
    [
      'a confidential VM',
      {},
      { ...trusted, securityProfile: { securityType: 'ConfidentialVM_NonPersistedTPM' } },
      {},
      'BadRequest',
    ],
    ['Trusted Launch of generation 1', {}, { ...trusted, hyperVGeneration: 'V1' }, {}, parameter],
    ['Trusted Launch of a data disk', {}, { ...trusted, osType: undefined }, {}, parameter],
    ['AllowPrivate without a disk access', {}, { networkAccessPolicy: 'AllowPrivate' }, {}, parameter],
    ['a disk access without AllowPrivate', {}, { diskAccessId: access }, {}, parameter],
    [
      'a disk access and an encryption set',
      {},
      {
        networkAccessPolicy: 'AllowPrivate',
        diskAccessId: access,
        encryption: { type: 'EncryptionAtRestWithCustomerKey', diskEncryptionSetId: id },
      },
      {},
      parameter,
    ],
    ['customer keys without a set', {}, { encryption: { type: 'EncryptionAtRestWithCustomerKey' } }, {}, parameter],
    ['two zones', { zones: ['1', '2'] }, {}, {}, parameter],
    ['a zone and a zone-redundant SKU', { zones: ['1'], sku: { name: 'Premium_ZRS' } }, {}, {}, parameter],
    ['bursting of a standard disk', {}, { burstingEnabled: true }, {}, parameter],
    ['the performance of a standard disk', {}, { diskIOPSReadWrite: 3000 }, {}, parameter],
  ])('must not have %s', async (_, change, properties, creation, code) => {
    expect((await put('d', change, properties, creation)).outcome).toBe(`400 ${code}`);
    expect(servers.arm.resources.findDisk('d')).toBeUndefined();
  });

  it.each(['a b', 'a.b', 'ä', 'x'.repeat(81)])('must not have the name %j', async (name) => {
    expect((await put(encodeURIComponent(name))).outcome).toBe('400 InvalidParameter');
  });

  it('must not have a SKU that is not available', async () => {
    servers.arm.resources.state.unavailableSkus.add('Premium_LRS');
    const answer = await put('d', { sku: { name: 'Premium_LRS' } });
    expect(answer.outcome).toBe('409 Conflict');
    expect(answer.json).toMatchObject({ error: { details: [{ code: 'SkuNotAvailable' }] } });
  });
});

describe('creating a disk', () => {
  it('answers as in the recording: the body as sent, then the disk in the status', async () => {
    const body = bodyOf({ tags: {}, sku: { name: 'Premium_LRS' } });
    const started = await arm.send('PUT', 'disks/disk1', { body });
    const head = {
      name: 'disk1',
      id: arm.path('disks/disk1'),
      type: 'Microsoft.Compute/disks',
      location: 'westeurope',
    };
    const creationData = { createOption: 'Upload', uploadSizeBytes: SIZE };
    expect(started.status).toBe(202);
    expect(started.json).toEqual({
      ...head,
      tags: {},
      sku: { name: 'Premium_LRS' },
      properties: { creationData, provisioningState: 'Updating' },
    });
    const status = await arm.sendTo(started.headers.get('azure-asyncoperation') ?? '', 'GET');
    const disk = {
      ...head,
      tags: {},
      sku: { name: 'Premium_LRS', tier: 'Premium' },
      properties: {
        creationData,
        encryption: { type: 'EncryptionAtRestWithPlatformKey' },
        networkAccessPolicy: 'AllowAll',
        publicNetworkAccess: 'Enabled',
        timeCreated: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$/),
        provisioningState: 'Succeeded',
        diskState: 'ReadyToUpload',
        uniqueId: servers.arm.resources.disk('disk1').uniqueId,
      },
    };
    expect(status.json).toMatchObject({ status: 'Succeeded', properties: { output: disk } });
    expect((await arm.send('GET', 'disks/disk1')).json).toEqual(disk);
  });

  it('again is an update: the last tags win, and the disk stays the same', async () => {
    await put('d', { tags: { upload: 'first', other: 'x' } });
    const { uniqueId } = servers.arm.resources.disk('d');
    expect((await put('d', { tags: { upload: 'second' } })).status).toBe(202);
    const disk = servers.arm.resources.disk('d');
    expect([disk.tags, disk.uniqueId]).toEqual([{ upload: 'second' }, uniqueId]);
  });

  it.each([
    ['another size', {}, {}, { uploadSizeBytes: 21 * MIB + 512 }, '409 PropertyChangeNotAllowed'],
    ['another generation', {}, { hyperVGeneration: 'V2' }, {}, '409 PropertyChangeNotAllowed'],
    ['another operating system', {}, { osType: 'Linux' }, {}, '409 PropertyChangeNotAllowed'],
    ['another region', { location: 'eastus' }, {}, {}, '409 InvalidResourceLocation'],
  ])('again with %s is refused', async (_, change, properties, creation, outcome) => {
    await put('d');
    expect((await put('d', change, properties, creation)).outcome).toBe(outcome);
    expect(servers.arm.resources.disk('d').uploadSizeBytes).toBe(SIZE);
  });
});

describe('granting access', () => {
  it.each([
    ['no duration', { access: 'Write' }, '400 InvalidParameter'],
    ['a duration of 0', { access: 'Write', durationInSeconds: 0 }, '400 InvalidParameter'],
    ['a negative duration', { access: 'Write', durationInSeconds: -1 }, '400 InvalidParameter'],
    ['more than 60 days', { access: 'Write', durationInSeconds: 5_184_001 }, '400 InvalidParameter'],
    ['60 days', { access: 'Write', durationInSeconds: 5_184_000 }, '202'],
    ['a duration as a text', { access: 'Write', durationInSeconds: '60' }, '400 InvalidRequestContent'],
    ['an unknown access', { access: 'write', durationInSeconds: 60 }, '400 InvalidRequestContent'],
    ['no access', { access: 'None', durationInSeconds: 60 }, '400 InvalidParameter'],
    ['an unknown key', { ...DAY, force: true }, '400 InvalidRequestContent'],
    ['the guest state', { ...DAY, getSecureVMGuestStateSAS: true }, '400 InvalidParameter'],
    ['reading', { access: 'Read', durationInSeconds: 60 }, '409 OperationNotAllowed'],
  ])('of a new disk with %s: %s', async (_, body, outcome) => {
    await put('d');
    expect((await arm.send('POST', 'disks/d/beginGetAccess', { body })).outcome).toBe(outcome);
  });

  it('makes the disk ActiveUpload, without a size, and the URL usable for the duration', async () => {
    const url = await arm.grantUpload('d', SIZE);
    const { json } = await arm.send('GET', 'disks/d');
    expect(json).toMatchObject({ properties: { diskState: 'ActiveUpload' } });
    expect(JSON.stringify(json)).not.toMatch(/diskSizeGB|diskSizeBytes/);
    const head = () => rawRequest(url, { method: 'HEAD' }).then(({ status }) => status);
    expect(await head()).toBe(200);
    servers.advanceClock(86_400_000);
    expect(await head()).toBe(403);
    expect(servers.arm.resources.disk('d').state).toBe('ActiveUpload');
  });

  it.each(['Unattached', 'Attached', 'Reserved', 'ActiveSAS', 'Frozen'] as const)(
    'to write a disk that is %s is refused',
    async (state) => {
      servers.arm.resources.createDisk({ name: 'd', state });
      expect((await arm.send('POST', 'disks/d/beginGetAccess', { body: DAY })).outcome).toBe('409 OperationNotAllowed');
    },
  );

  it.each([
    ['same-url', true, 200, 200],
    ['new-url', false, 403, 200],
    ['both-live', false, 200, 200],
  ] as const)('a second time: %s', async (secondGrant, isSame, first, second) => {
    servers.arm.behaviour.secondGrant = secondGrant;
    const urls = [await arm.grantUpload('d', SIZE)];
    servers.advanceClock(80_000_000);
    const { json } = await arm.run('POST', 'disks/d/beginGetAccess', { body: DAY });
    urls.push(sasUrlIn(json));
    const statuses = await Promise.all(urls.map(async (url) => (await rawRequest(url, { method: 'HEAD' })).status));
    expect([urls[0] === urls[1], ...statuses]).toEqual([isSame, first, second]);
    expect(new URL(urls[0] ?? '').pathname).toBe(new URL(urls[1] ?? '').pathname);
    servers.advanceClock(80_000_000);
    expect((await rawRequest(urls[1] ?? '', { method: 'HEAD' })).status).toBe(200);
  });

  it('a second time: conflict', async () => {
    servers.arm.behaviour.secondGrant = 'conflict';
    const url = await arm.grantUpload('d', SIZE);
    expect((await arm.send('POST', 'disks/d/beginGetAccess', { body: DAY })).outcome).toBe('409 Conflict');
    expect((await rawRequest(url, { method: 'HEAD' })).status).toBe(200);
  });

  it('has the key that the CLI prints, if the switch says so', async () => {
    servers.arm.behaviour.sasKey = 'accessSas';
    await put('d');
    const { json } = await arm.run('POST', 'disks/d/beginGetAccess', { body: DAY });
    expect(json).toMatchObject({ properties: { output: { accessSas: expect.stringContaining('/md-impexp-') } } });
  });
});

describe('ending access', () => {
  it('finishes an upload whose footer is right, for ever', async () => {
    const url = await arm.grantUpload('d', SIZE);
    await writeFooter(url);
    const ended = await arm.run('POST', 'disks/d/endGetAccess');
    expect(ended.json).toMatchObject({ status: 'Succeeded' });
    expect(ended.json).not.toHaveProperty('properties');
    expect((await arm.send('GET', 'disks/d')).json).toMatchObject({
      properties: { diskState: 'Unattached', diskSizeGB: 1, diskSizeBytes: 20 * MIB },
    });
    expect((await rawRequest(url, { method: 'HEAD' })).status).toBe(403);
    expect((await arm.send('POST', 'disks/d/beginGetAccess', { body: DAY })).outcome).toBe('409 OperationNotAllowed');
  });

  it.each([
    ['no footer', undefined, 'cookie'],
    ['another cookie', (footer: Buffer) => footer.fill(0x20, 0, 8), 'cookie'],
    ['another checksum', (footer: Buffer) => footer.fill(0x20, 68, 84), 'checksum'],
    ['the footer of a larger disk', () => fixedFooter(SIZE), 'current size'],
  ])('of an upload with %s is InvalidVhd, and changes nothing', async (_, change, field) => {
    const url = await arm.grantUpload('d', SIZE);
    if (change !== undefined) await writeFooter(url, change(fixedFooter(SIZE - 512)));
    const { json } = await arm.run('POST', 'disks/d/endGetAccess');
    expect(json).toMatchObject({
      status: 'Failed',
      error: { code: 'InvalidVhd', message: expect.stringContaining(`The specified ${field} value in VHD footer`) },
    });
    expect(servers.arm.resources.disk('d').state).toBe('ActiveUpload');
    await writeFooter(url);
    expect((await arm.run('POST', 'disks/d/endGetAccess')).json).toMatchObject({ status: 'Succeeded' });
  });

  it('with InvalidVhd makes the disk Unattached, if the switch says so', async () => {
    servers.arm.behaviour.stateAfterInvalidVhd = 'Unattached';
    const url = await arm.grantUpload('d', SIZE);
    expect((await arm.run('POST', 'disks/d/endGetAccess')).json).toMatchObject({ error: { code: 'InvalidVhd' } });
    expect(servers.arm.resources.disk('d').state).toBe('Unattached');
    expect((await rawRequest(url, { method: 'HEAD' })).status).toBe(403);
  });

  it('of a disk that nobody wrote to is accepted, if the switch says so', async () => {
    servers.arm.behaviour.emptyUpload = 'accepted';
    await arm.grantUpload('d', SIZE);
    expect((await arm.run('POST', 'disks/d/endGetAccess')).json).toMatchObject({ status: 'Succeeded' });
    expect(servers.arm.resources.disk('d').state).toBe('Unattached');
  });

  it.each(['ReadyToUpload', 'Unattached', 'Attached'] as const)('of a disk that is %s is a conflict', async (state) => {
    servers.arm.resources.createDisk({ name: 'd', state });
    expect((await arm.send('POST', 'disks/d/endGetAccess')).outcome).toBe('409 OperationNotAllowed');
    servers.arm.behaviour.endWithoutAccess = 'accepted';
    expect((await arm.run('POST', 'disks/d/endGetAccess')).json).toMatchObject({ status: 'Succeeded' });
    expect(servers.arm.resources.disk('d').state).toBe(state);
  });

  it('has no body', async () => {
    await arm.grantUpload('d', SIZE);
    expect((await arm.send('POST', 'disks/d/endGetAccess', { body: {} })).outcome).toBe('400 InvalidRequestContent');
  });
});

describe('reading a disk after its upload', () => {
  it('makes it ActiveSAS, and Unattached again', async () => {
    servers.arm.resources.createDisk({ name: 'd', state: 'Unattached' });
    const body = { access: 'Read', durationInSeconds: 3600 };
    const url = sasUrlIn((await arm.run('POST', 'disks/d/beginGetAccess', { body })).json);
    expect(servers.arm.resources.disk('d').state).toBe('ActiveSAS');
    const { status, headers } = await rawRequest(url, { method: 'HEAD' });
    expect([status, headers.get('content-length')]).toEqual([200, String(SIZE)]);
    expect((await arm.send('DELETE', 'disks/d')).outcome).toBe('409 OperationNotAllowed');
    await arm.run('POST', 'disks/d/endGetAccess');
    expect(servers.arm.resources.disk('d').state).toBe('Unattached');
  });
});

describe('deleting a disk', () => {
  it.each([
    ['ReadyToUpload', '202'],
    ['ActiveUpload', '409 OperationNotAllowed'],
    ['Unattached', '202'],
    ['ActiveSAS', '409 OperationNotAllowed'],
    ['Attached', '409 OperationNotAllowed'],
    ['Reserved', '409 OperationNotAllowed'],
  ] as const)('that is %s: %s', async (state, outcome) => {
    servers.arm.resources.createDisk({ name: 'd', state });
    const answer = await arm.run('DELETE', 'disks/d');
    expect(outcome === '202' ? '200' : outcome).toBe(answer.outcome);
    expect(servers.arm.resources.findDisk('d') === undefined).toBe(outcome === '202');
  });

  it('in upload is accepted, if the switch says so, and ends its URL', async () => {
    servers.arm.behaviour.deleteDuringUpload = 'accepted';
    const url = await arm.grantUpload('d', SIZE);
    await arm.run('DELETE', 'disks/d');
    expect((await rawRequest(url, { method: 'HEAD' })).status).toBe(404);
  });

  it('that does not exist has no content', async () => {
    expect((await arm.send('DELETE', 'disks/d')).outcome).toBe('204');
  });
});

describe('changing a disk', () => {
  it('replaces its tags', async () => {
    servers.arm.resources.createDisk({ name: 'd', tags: { a: '1' }, state: 'ActiveUpload' });
    await arm.run('PATCH', 'disks/d', { body: { tags: { b: '2' } } });
    expect(servers.arm.resources.disk('d').tags).toEqual({ b: '2' });
    servers.arm.behaviour.patchDuringUpload = 'conflict';
    expect((await arm.send('PATCH', 'disks/d', { body: { tags: {} } })).outcome).toBe('409 Conflict');
  });

  it('must not change its size', async () => {
    servers.arm.resources.createDisk({ name: 'd' });
    const body = { properties: { diskSizeGB: 4 } };
    expect((await arm.send('PATCH', 'disks/d', { body })).outcome).toBe('400 InvalidRequestContent');
  });
});

describe('what somebody else does to a disk', () => {
  it('replaces it: the name stays, the id does not', () => {
    const before = servers.arm.resources.createDisk({ name: 'd', tags: { a: '1' }, state: 'ActiveUpload' });
    const after = servers.arm.resources.replaceDisk('d');
    expect([after.name, after.tags, after.state]).toEqual(['d', { a: '1' }, 'ReadyToUpload']);
    expect(after.uniqueId).not.toBe(before.uniqueId);
  });

  it('attaches it', async () => {
    servers.arm.resources.createDisk({ name: 'd', state: 'ActiveUpload' });
    servers.arm.resources.attachDisk('d', 'vm1');
    expect((await arm.send('GET', 'disks/d')).json).toMatchObject({
      managedBy: expect.stringMatching(/virtualMachines\/vm1$/),
      properties: { diskState: 'Attached' },
    });
    expect(servers.arm.resources.disk('d').accesses).toEqual([]);
  });
});
