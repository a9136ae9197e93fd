import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { DestinationError, InUseError, ServiceError, UsageError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { type CreateImageOptions, createImage, planImage } from '../../src/manage/create-image.ts';
import { imageStatus } from '../../src/manage/image-status.ts';
import { armOptionsFor, signedIn } from '../support/arm-options.ts';
import { internalExecutionError } from '../support/arm-server/errors.ts';
import { GALLERIES_VERSION, RawArm } from '../support/arm-server/raw-arm.ts';
import { captureOutput } from '../support/captured-output.ts';
import { withoutProxies } from '../support/forwarding-proxy.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const GEN2 = { osType: 'Linux', hyperVGeneration: 'V2' } as const;
const BLOB = 'https://acc.blob.core.windows.net/vhds/d.vhd';
const DEFINITION = { osType: 'Linux', osState: 'Generalized', hyperVGeneration: 'V2' };
const IDENTIFIER = { publisher: 'me', offer: 'linux', sku: 'gen2' };
const OF_DEFINITION = { gallery: 'g', definition: 'def', version: '1.0.0' };

let servers: ManagedDisks;
let arm: RawArm;
let events: UploadEvent[];

beforeEach(async () => {
  withoutProxies();
  events = [];
  servers = await startManagedDisks({
    longRunning: { mode: 'at-once' },
    resourceGroups: { rg: 'westeurope', other: 'eastus' },
    storageAccounts: ['acc'],
    disks: [
      { name: 'd', state: 'Unattached', properties: GEN2 },
      { name: 'e', state: 'Unattached', properties: GEN2 },
      { name: 'plain', state: 'Unattached' },
      { name: 'far', state: 'Unattached', properties: GEN2, resourceGroup: 'other' },
      { name: 'ready', properties: GEN2 },
      { name: 'uploading', state: 'ActiveUpload', properties: GEN2 },
      { name: 'exported', state: 'ActiveSAS', properties: GEN2 },
    ],
  });
  arm = new RawArm(servers);
  await put('galleries/g', {});
  await putDefinition('def');
  servers.timeline.length = 0;
});
afterEach(async () => {
  expect(servers.violations).toEqual([]);
  const shown = JSON.stringify(events);
  expect(servers.secrets.filter((secret) => shown.includes(secret))).toEqual([]);
  vi.unstubAllEnvs();
  await servers.close();
});

const put = (path: string, properties: object) =>
  arm.run('PUT', path, { apiVersion: GALLERIES_VERSION, body: { location: 'westeurope', properties } });
const putDefinition = (name: string, change: object = {}) =>
  put(`galleries/g/images/${name}`, { ...DEFINITION, identifier: { ...IDENTIFIER, sku: name }, ...change });

const options = (change: CreateImageOptions) => ({ ...armOptionsFor(servers, events), ...change });
const create = (change: CreateImageOptions) => createImage(options(change));
const resource = (path: string) => servers.arm.resources.resource(path);
const bodies = () => servers.arm.log.filter(({ method }) => method === 'PUT').map(({ body }) => body);
const warnings = () => events.flatMap((event) => (event.type === 'warning' ? event.code : []));

describe('createImage of a managed image', () => {
  it('makes it of a disk, with what the disk shows', async () => {
    const id = arm.path('images/i');
    expect(await create({ image: 'i', disk: 'd' })).toEqual({
      ...{ kind: 'image', id, name: 'i', location: 'westeurope', source: arm.path('disks/d') },
      ...{ osType: 'Linux', osState: 'Generalized', generation: 2, exists: false },
      nextStep: `az vm create --resource-group rg --name VM --location westeurope --image ${id} --admin-username USER --generate-ssh-keys`,
    });
    expect(servers.calls).toEqual(['arm GetDisk', 'arm GetImage', 'arm PutImage']);
    expect(bodies().at(-1)).toEqual({
      location: 'westeurope',
      tags: {},
      properties: {
        hyperVGeneration: 'V2',
        storageProfile: {
          osDisk: { osType: 'Linux', osState: 'Generalized', managedDisk: { id: arm.path('disks/d') } },
          zoneResilient: false,
        },
      },
    });
  });

  it('makes it of a blob, in the region of the resource group', async () => {
    await create({ image: 'i', blob: BLOB, osType: 'windows', generation: 1, tags: { a: 'b' } });
    expect(servers.calls).toEqual(['arm GetResourceGroup', 'arm GetImage', 'arm PutImage']);
    expect(resource('images/i')).toMatchObject({
      location: 'westeurope',
      tags: { a: 'b' },
      properties: { hyperVGeneration: 'V1', storageProfile: { osDisk: { osType: 'Windows', blobUri: BLOB } } },
    });
  });

  it('takes disks and images by their ids, and the options for what a disk does not show', async () => {
    const far = servers.arm.resources.disk('far', 'other').id;
    const image = far.replace('disks/far', 'images/i');
    await create({ image, disk: far, resourceGroup: 'rg' });
    expect(servers.arm.resources.resource('images/i', 'other').location).toBe('eastus');
    await create({ image: 'p', disk: 'plain', osType: 'linux', generation: 2 });
    expect(resource('images/p').properties).toMatchObject({ hyperVGeneration: 'V2' });
  });

  it.each<[string, string, new (...args: never[]) => Error, RegExp]>([
    [
      'ready',
      'UploadNotFinished',
      DestinationError,
      /ReadyToUpload, .*Finish its upload.*vhdup disk status ready -g rg/,
    ],
    ['uploading', 'UploadNotFinished', DestinationError, /ActiveUpload, an upload has access to it/],
    ['gone', 'ResourceNotFound', DestinationError, /does not exist.*az disk list/],
    ['exported', '', InUseError, /ActiveSAS.*az disk revoke-access --ids/],
    ['attached', '', InUseError, /Attached, a virtual machine uses it: .*Detach the disk.*--source vm1/],
  ])('refuses the disk %s before it changes anything', async (disk, reason, kind, message) => {
    servers.arm.resources.createDisk({ name: 'attached', properties: GEN2 });
    servers.arm.resources.attachDisk('attached', 'vm1');
    const failure = await failureOf(create({ image: 'i', disk }));
    expect(failure).toBeInstanceOf(kind);
    expect(failure.message).toMatch(message);
    if (reason !== '') expect(failure).toMatchObject({ reason });
    expect(servers.calls).toEqual(['arm GetDisk']);
  });

  it.each<[string, CreateImageOptions, RegExp]>([
    ['no name', { disk: 'd' }, /The name of the image is missing/],
    ['no source', { image: 'i' }, /either --disk NAME or --blob URL/],
    ['two sources', { image: 'i', disk: 'd', blob: BLOB }, /either --disk NAME or --blob URL/],
    ['a version without a gallery', { image: 'i', disk: 'd', version: '1.0.0' }, /--version is an option of a version/],
    ['regions without a gallery', { image: 'i', disk: 'd', regions: ['eastus'] }, /--regions is an option/],
    ['a specialized image', { image: 'i', disk: 'd', osState: 'specialized' }, /always generalized/],
    ['another system than that of the disk', { image: 'i', disk: 'd', osType: 'windows' }, /created for Linux/],
    ['another generation than that of the disk', { image: 'i', disk: 'd', generation: 1 }, /created for generation 2/],
    ['another region than that of the disk', { image: 'i', disk: 'd', location: 'East US' }, /is in westeurope/],
    ['a disk without a system', { image: 'i', disk: 'plain' }, /--os-type windows or --os-type linux is needed/],
    ['a blob without a system', { image: 'i', blob: BLOB, generation: 1 }, /--os-type windows or/],
    ['a blob without a generation', { image: 'i', blob: BLOB, osType: 'linux' }, /--generation 1 or --generation 2/],
    ['a blob with a SAS', { image: 'i', blob: `${BLOB}?sv=1&sig=secret` }, /without a SAS/],
    ['a name that is not valid', { image: 'a b', disk: 'd' }, /^NAME must consist of/],
  ])('refuses %s', async (_, change, message) => {
    const failure = await failureOf(create(change));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain('secret');
    expect(bodies()).toHaveLength(2);
  });

  it('can be repeated, and leaves what exists as it is', async () => {
    await create({ image: 'i', disk: 'd', tags: { a: 'b' } });
    expect(await create({ image: 'i', disk: 'd' })).toMatchObject({ exists: true });
    expect(resource('images/i').tags).toEqual({ a: 'b' });
    const other = await failureOf(create({ image: 'i', disk: 'e' }));
    expect(other).toMatchObject({ reason: 'ImageExists' });
    expect(other.message).toMatch(/exists already and was made of .*disks\/d for Linux.*az image delete --ids/);
  });

  it('waits for an image that is being created, and creates one again that failed', async () => {
    servers.arm.setLongRunning({ mode: 'polled', inProgressPolls: 1 });
    const stop = new AbortController();
    const creating = failureOf(create({ image: 'i', disk: 'd', signal: stop.signal }));
    await servers.when(() => servers.calls.includes('arm PutImage'));
    stop.abort(new Error('stopped'));
    await creating;
    expect(await create({ image: 'i', disk: 'd' })).toMatchObject({ exists: true });
    expect(servers.calls.filter((call) => call === 'arm PutImage')).toHaveLength(1);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'arm', step: 'Wait for image i, which is being created', state: 'succeeded' }),
    );
    const failed = servers.arm.resources.resource('images/i');
    failed.provisioningState = 'Failed';
    servers.arm.setLongRunning({ mode: 'at-once' });
    await create({ image: 'i', disk: 'd' });
    expect(failed.provisioningState).toBe('Succeeded');
  });

  it('shows why the service failed', async () => {
    servers.arm.setLongRunning({ mode: 'polled' }, 'PutImage');
    servers.arm.faults.add({ operation: 'PutImage' }, { kind: 'fails', error: internalExecutionError() });
    const failure = await failureOf(create({ image: 'i', disk: 'd' }));
    expect(failure).toBeInstanceOf(ServiceError);
    expect(failure.message).toMatch(/^Create image i failed: InternalExecutionError, An internal execution error/);
  });

  it('warns that a managed image loses Trusted Launch', async () => {
    const properties = { ...GEN2, securityProfile: { securityType: 'TrustedLaunch' } } as const;
    servers.arm.resources.createDisk({ name: 'trusted', state: 'Unattached', properties });
    await create({ image: 'i', disk: 'trusted' });
    expect(warnings()).toEqual(['managed-image-security']);
  });
});

describe('createImage of a version', () => {
  const VERSION = 'galleries/g/images/def/versions/1.0.0';

  it('makes it of a disk, straight into the gallery', async () => {
    const id = arm.path(VERSION);
    expect(await create({ ...OF_DEFINITION, disk: 'd', regions: ['North Europe'], replicas: 2 })).toEqual({
      ...{ kind: 'version', id, name: 'g/def/1.0.0', location: 'westeurope', source: arm.path('disks/d') },
      ...{ osType: 'Linux', osState: 'Generalized', generation: 2, exists: false },
      nextStep: expect.stringContaining(`--image ${id} --admin-username USER`),
    });
    expect(servers.calls).toEqual([
      ...['arm GetDisk', 'arm GetGalleryImage', 'arm GetGalleryImageVersion', 'arm PutGalleryImageVersion'],
    ]);
    expect(bodies().at(-1)).toEqual({
      location: 'westeurope',
      tags: {},
      properties: {
        publishingProfile: {
          targetRegions: [
            { name: 'westeurope', regionalReplicaCount: 2 },
            { name: 'northeurope', regionalReplicaCount: 2 },
          ],
          replicaCount: 2,
        },
        storageProfile: { osDiskImage: { hostCaching: 'ReadWrite', source: { id: arm.path('disks/d') } } },
      },
    });
  });

  it('makes it of a blob, with the id of its account, and takes the definition from NAME', async () => {
    await create({ image: 'def', gallery: 'g', version: '1.0.0', blob: BLOB });
    expect(servers.calls).toContain('arm ListStorageAccounts');
    expect(resource(VERSION).properties).toMatchObject({
      storageProfile: { osDiskImage: { source: { uri: BLOB, storageAccountId: expect.stringContaining('/acc') } } },
    });
    const unknown = await failureOf(create({ ...OF_DEFINITION, blob: BLOB.replace('acc', 'unknown') }));
    expect(unknown).toMatchObject({ reason: 'StorageAccountNotFound' });
  });

  it('of a specialized definition leads to a specialized machine', async () => {
    await putDefinition('special', { osState: 'Specialized' });
    const made = await create({ ...OF_DEFINITION, definition: 'special', disk: 'd', osState: 'specialized' });
    expect(made.osState).toBe('Specialized');
    expect(made.nextStep).toMatch(/ --specialized$/);
  });

  it.each<[string, object, CreateImageOptions, RegExp]>([
    ['operating system', { osType: 'Windows' }, { disk: 'd' }, /its operating system is Windows, but Linux is needed/],
    ['generation', { hyperVGeneration: 'V1' }, { disk: 'd' }, /its generation is 1, but 2 is needed/],
    ['generation of a disk without one', {}, { disk: 'plain', generation: 2 }, /its generation is 2, but 1 is needed/],
    ['architecture', { architecture: 'Arm64' }, { disk: 'x64' }, /its architecture is Arm64, but x64 is needed/],
    ['state', {}, { disk: 'd', osState: 'specialized' }, /its state is Generalized, but specialized is needed/],
    ['system of a blob', {}, { blob: BLOB, osType: 'windows' }, /its operating system is Linux, but Windows is needed/],
  ])('refuses a definition of another %s', async (_, change, own, message) => {
    const supportedCapabilities = { architecture: 'x64' } as const;
    servers.arm.resources.createDisk({
      ...{ name: 'x64', state: 'Unattached' },
      properties: { ...GEN2, supportedCapabilities },
    });
    await putDefinition('other', change);
    const failure = await failureOf(create({ ...OF_DEFINITION, definition: 'other', ...own }));
    expect(failure).toMatchObject({ reason: 'DefinitionDiffers' });
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain('az sig image-definition create --resource-group rg --gallery-name g');
    expect(servers.calls).not.toContain('arm PutGalleryImageVersion');
  });

  it.each<[string, CreateImageOptions, string, RegExp]>([
    ['gallery', { gallery: 'nowhere' }, 'GalleryNotFound', /az sig create --resource-group rg --gallery-name nowhere/],
    [
      'definition',
      { definition: 'nothing' },
      'DefinitionNotFound',
      /--gallery-image-definition nothing .* --os-type Linux --os-state Generalized --hyper-v-generation V2/,
    ],
  ])('says how to create a %s that is missing', async (_, change, reason, message) => {
    const failure = await failureOf(create({ ...OF_DEFINITION, disk: 'd', ...change }));
    expect(failure).toMatchObject({ reason });
    expect(failure.message).toMatch(message);
  });

  it.each<[string, CreateImageOptions, RegExp]>([
    ['no version', { gallery: 'g', definition: 'def', disk: 'd' }, /needs --definition DEFINITION and --version/],
    ['no gallery', { definition: 'def', version: '1.0.0', disk: 'd' }, /--gallery is missing/],
    ['a version that is not one', { ...OF_DEFINITION, version: 'latest', disk: 'd' }, /three integers/],
    ['too many replicas', { ...OF_DEFINITION, disk: 'd', replicas: 101 }, /--replicas must be 1 to 100/],
    ['a region that is none', { ...OF_DEFINITION, disk: 'd', regions: ['a/b'] }, /--regions must be/],
  ])('refuses %s', async (_, change, message) => {
    const failure = await failureOf(create(change));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(message);
    expect(servers.calls).not.toContain('arm PutGalleryImageVersion');
  });

  it('can be repeated without losing copies, and proposes the next version for something else', async () => {
    await create({ ...OF_DEFINITION, disk: 'd', regions: ['northeurope'] });
    await create({ ...OF_DEFINITION, disk: 'd' });
    expect(resource(VERSION).properties).toMatchObject({ publishingProfile: { targetRegions: [{}, {}] } });
    await create({ ...OF_DEFINITION, disk: 'd', regions: ['North Europe', 'eastus'] });
    expect(warnings()).toEqual(['regions-missing']);
    const other = await failureOf(create({ ...OF_DEFINITION, disk: 'e' }));
    expect(other).toMatchObject({ reason: 'ImageExists', message: expect.stringContaining('such as 1.0.1.') });
  });
});

describe('planImage', () => {
  it('sends only GETs, and returns the body of the request', async () => {
    const planned = await planImage(options({ ...OF_DEFINITION, disk: 'd' }));
    expect(planned).toMatchObject({ exists: false, body: { location: 'westeurope' } });
    await createImage(options({ ...OF_DEFINITION, disk: 'd' }));
    expect(bodies().at(-1)).toEqual(planned.body);
    expect(await planImage(options({ ...OF_DEFINITION, disk: 'd' }))).toMatchObject({ exists: true });
    expect(bodies()).toHaveLength(3);
  });
});

describe('imageStatus', () => {
  const status = (change: CreateImageOptions) => imageStatus(options(change));

  it('shows a managed image', async () => {
    await create({ image: 'i', disk: 'd' });
    expect(await status({ image: 'i' })).toEqual({
      ...{ kind: 'image', id: arm.path('images/i'), name: 'i', location: 'westeurope', state: 'Succeeded' },
      ...{ source: arm.path('disks/d'), osType: 'Linux', generation: 2, regions: [] },
    });
  });

  it('shows a version and its copies', async () => {
    await create({ ...OF_DEFINITION, disk: 'd', regions: ['northeurope'] });
    const version = resource('galleries/g/images/def/versions/1.0.0');
    const summary = [{ region: 'West Europe', state: 'Replicating', progress: 40, details: '' }];
    version.properties = { ...version.properties, replicationStatus: { summary } };
    expect(await status(OF_DEFINITION)).toMatchObject({
      kind: 'version',
      name: 'g/def/1.0.0',
      regions: [{ name: 'westeurope', state: 'Replicating', progress: 40 }, { name: 'northeurope' }],
    });
    expect(servers.calls.at(-1)).toBe('arm GetGalleryImageVersion');
  });

  it('says so if there is none', async () => {
    for (const name of [{ image: 'none' }, OF_DEFINITION, { ...OF_DEFINITION, gallery: 'none' }]) {
      expect(await failureOf(status(name))).toMatchObject({ reason: 'ResourceNotFound' });
    }
  });
});

describe('vhdup image', () => {
  it('creates and shows images, in text and in JSON, without secrets', async () => {
    const environment = await signedIn(servers);
    const written = captureOutput();
    const at = ['-g', 'rg', '--arm-endpoint', servers.armEndpoint];
    const version = ['image', 'create', 'def', '--gallery', 'g', '--version', '1.0.0', '--disk', 'd', ...at];
    expect(await main([...version, '--dry-run'], environment)).toBe(0);
    expect(written.out).toMatch(/^Dry run: nothing was created\. The image version g\/def\/1\.0\.0\n/);
    expect(JSON.parse(written.out.slice(written.out.indexOf('{')))).toMatchObject({ location: 'westeurope' });
    expect(bodies()).toHaveLength(2);
    written.out = '';
    expect(await main([...version, '--regions', 'northeurope,eastus', '--tags', 'a=b'], environment)).toBe(0);
    expect(written.out).toMatch(
      /^Image version g\/def\/1\.0\.0 created\n[\s\S]*\nTo create a virtual machine of it: az /,
    );
    expect(written.err).toBe('Create image version g/def/1.0.0 ...\n');
    written.out = '';
    const status = ['image', 'status', '--gallery', 'g', '--definition', 'def', '--version', '1.0.0', ...at];
    expect(await main(status, environment)).toBe(0);
    expect(written.out).toContain('  copy in northeurope  unknown');
    written.out = '';
    expect(await main(['image', 'create', 'i', '--disk', 'd', '--json', ...at], environment)).toBe(0);
    const lines = written.out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(['arm', 'arm', 'result']);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ kind: 'image', name: 'i', exists: false });
    expect(await main(['image', 'create', 'i', '--disk', 'uploading', ...at], environment)).toBe(6);
    expect(await main(['image', 'create', 'i', ...at], environment)).toBe(2);
    expect(await main(['image', 'create', 'i', '--disk', 'd', '--regions', 'a,,b', ...at], environment)).toBe(2);
    expect(servers.secrets.filter((secret) => `${written.out}${written.err}`.includes(secret))).toEqual([]);
  });
});
