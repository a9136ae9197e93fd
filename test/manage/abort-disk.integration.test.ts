import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import {
  CheckpointError,
  CredentialError,
  DestinationError,
  InUseError,
  UsageError,
  type VhdupError,
} from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { type AbortDiskOptions, abortDisk } from '../../src/manage/abort-disk.ts';
import type { Checkpoint } from '../../src/state/checkpoint.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { ExclusiveAccess } from '../../src/state/exclusive-access.ts';
import { armOptionsFor, signedIn } from '../support/arm-options.ts';
import { scopeLocked } from '../support/arm-server/errors.ts';
import { captureOutput } from '../support/captured-output.ts';
import { withoutProxies } from '../support/forwarding-proxy.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const OURS = { 'vhdup-upload-id': 'upload-1' };

let servers: ManagedDisks;
let events: UploadEvent[];
beforeEach(async () => {
  withoutProxies();
  events = [];
  servers = await startManagedDisks({
    longRunning: { mode: 'at-once' },
    disks: [
      { name: 'ready', tags: OURS },
      { name: 'active', tags: OURS, state: 'ActiveUpload' },
      { name: 'foreign', state: 'ActiveUpload' },
      { name: 'finished', tags: OURS, state: 'Unattached' },
      { name: 'exported', tags: OURS, state: 'ActiveSAS' },
    ],
  });
});
afterEach(async () => {
  expect(servers.violations).toEqual([]);
  const shown = JSON.stringify(events);
  expect(servers.secrets.filter((secret) => shown.includes(secret))).toEqual([]);
  vi.unstubAllEnvs();
  await servers.close();
});

const abort = (disk: string, change: Partial<AbortDiskOptions> = {}) =>
  abortDisk({ ...armOptionsFor(servers, events), disk, ...change });
const exists = (disk: string) => servers.arm.resources.findDisk(disk) !== undefined;
const warnings = () => events.flatMap((event) => (event.type === 'warning' ? event.code : []));

async function checkpointOf(change: Partial<Checkpoint> = {}): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhdx.vhdup.json');
  const { id, uniqueId } = servers.arm.resources.disk('active');
  await new CheckpointFile(path).save({
    uploadId: 'upload-1',
    startedAt: new Date(0).toISOString(),
    image: [{ name: 'disk.vhdx', size: 1, modifiedMs: 1, diskId: '1' }],
    diskSize: 512,
    trustUnmarkedSectors: false,
    blobUrl: id,
    blobSize: 1024,
    done: [],
    sent: { bytes: 0, pages: '0'.repeat(16) },
    unverified: [],
    lease: { owner: { id: 'run', host: 'h', pid: 1, since: new Date(0).toISOString() }, ids: [] },
    disk: { id, uniqueId },
    ...change,
  });
  return path;
}

describe('abortDisk', () => {
  it('deletes a disk that nobody has access to', async () => {
    const { id } = servers.arm.resources.disk('ready');
    expect(await abort('ready')).toEqual({ id, name: 'ready', deleted: true });
    expect(exists('ready')).toBe(false);
    expect(servers.calls).toEqual(['arm GetDisk', 'arm DeleteDisk']);
  });

  it.each<[string, object]>([
    ['deletes disks in upload, and an access that ends with an error is deleted', { deleteDuringUpload: 'accepted' }],
    ['leaves a disk Unattached that is not a VHD', { stateAfterInvalidVhd: 'Unattached' }],
    ['accepts a disk without data', { emptyUpload: 'accepted' }],
  ])('ends the access and deletes the disk if the service %s', async (_, behaviour) => {
    Object.assign(servers.arm.behaviour, behaviour);
    await abort('active');
    expect(exists('active')).toBe(false);
    const changes = servers.calls.filter((call) => !call.includes('Get') || call.includes('Access'));
    expect(changes).toEqual(['arm EndGetAccess', 'arm DeleteDisk']);
    expect(warnings()).toEqual([]);
  });

  it('writes a footer if the service neither ends the access nor deletes the disk without one', async () => {
    await abort('active');
    expect(exists('active')).toBe(false);
    expect(servers.calls.filter((call) => call !== 'arm GetDisk')).toEqual([
      ...['arm EndGetAccess', 'arm DeleteDisk'],
      ...['arm BeginGetAccess', 'disk PutPage', 'arm EndGetAccess', 'arm DeleteDisk'],
    ]);
  });

  it('also does so for a disk that needs tokens', async () => {
    servers.arm.resources.createDisk({
      ...{ name: 'entra', tags: OURS, state: 'ActiveUpload' },
      properties: { dataAccessAuthMode: 'AzureActiveDirectory' },
    });
    await abort('entra');
    expect(exists('entra')).toBe(false);
    expect(servers.credential.requests.map(({ audience }) => audience)).toContain('https://disk.azure.com/');
  });

  it('is harmless when it is repeated', async () => {
    await abort('active');
    expect(await abort('active')).toMatchObject({ name: 'active', deleted: false });
  });

  it.each([
    ['finished', 'NotInUpload', /is not in upload.*Unattached, its upload is finished.*az disk delete --ids/],
    ['exported', 'NotInUpload', /ActiveSAS, somebody has access to it to download it/],
    ['foreign', 'NotOfVhdup', /has no tag vhdup-upload-id.*add --force/],
  ])('refuses to delete the disk %s', async (disk, reason, message) => {
    const failure = await failureOf(abort(disk));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure).toMatchObject({ reason, message: expect.stringMatching(message) });
    expect(servers.calls).toEqual(['arm GetDisk']);
  });

  it('never deletes a finished disk, not even with --force', async () => {
    servers.arm.resources.attachDisk('finished', 'vm1');
    for (const disk of ['finished', 'exported']) await failureOf(abort(disk, { force: true }));
    expect(exists('finished') && exists('exported')).toBe(true);
    await abort('foreign', { force: true });
    expect(exists('foreign')).toBe(false);
  });

  it('asks before it changes anything, and looks at the disk again after the answer', async () => {
    const confirm = vi.fn(() => Promise.resolve(false));
    const failure = await failureOf(abort('active', { confirm }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(confirm).toHaveBeenCalledWith(expect.objectContaining({ name: 'active', state: 'ActiveUpload' }));
    expect(servers.calls).toEqual(['arm GetDisk']);
    const finishing = () => {
      servers.arm.resources.revokeAccess('active');
      return Promise.resolve(true);
    };
    expect(await failureOf(abort('active', { confirm: finishing }))).toMatchObject({ reason: 'NotInUpload' });
    expect(exists('active')).toBe(true);
    const deleting = () => {
      servers.arm.resources.deleteDisk('ready');
      return Promise.resolve(true);
    };
    expect(await abort('ready', { confirm: deleting })).toMatchObject({ deleted: false });
  });

  it('warns of a disk that looks finished because it could not be deleted', async () => {
    servers.arm.behaviour.emptyUpload = 'accepted';
    const id = servers.arm.resources.disk('active').id;
    servers.arm.faults.add({ operation: 'DeleteDisk' }, { kind: 'error', error: scopeLocked(id, 'delete') });
    const failure = await failureOf(abort('active'));
    expect(failure.message).toContain('az lock list');
    expect(warnings()).toEqual(['unfinished-disk']);
    expect(events).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining(`az disk delete --ids ${id}`) }),
    );
  });

  it('names the missing permission to end the access', async () => {
    servers.arm.denied.add('Microsoft.Compute/disks/endGetAccess/action');
    const failure = await failureOf(abort('active'));
    expect(failure).toBeInstanceOf(CredentialError);
    expect(failure.message).toContain('Microsoft.Compute/disks/endGetAccess/action');
    expect(exists('active')).toBe(true);
  });
});

describe('abortDisk with a checkpoint', () => {
  it('removes it with the disk, and also after the disk was deleted', async () => {
    const path = await checkpointOf();
    expect(await abort('active', { checkpoint: path })).toMatchObject({ deleted: true, removedCheckpoint: path });
    expect([existsSync(path), existsSync(`${path}.lock`)]).toEqual([false, false]);
    expect(await abort('active', { checkpoint: path })).toEqual(expect.objectContaining({ deleted: false }));
  });

  it.each<[string, () => Promise<string>, new (...args: never[]) => VhdupError]>([
    [
      'of something else',
      () => checkpointOf({ disk: { id: 'https://acc.blob.core.windows.net/vhds/b' } }),
      CheckpointError,
    ],
    ['of another disk', () => checkpointOf({ disk: { id: servers.arm.resources.disk('ready').id } }), CheckpointError],
    ['of another upload', () => checkpointOf({ uploadId: 'upload-2' }), DestinationError],
  ])('refuses one %s, and keeps both', async (_, make, kind) => {
    const path = await make();
    expect(await failureOf(abort('active', { checkpoint: path }))).toBeInstanceOf(kind);
    expect([exists('active'), existsSync(path)]).toEqual([true, true]);
  });

  it('is enough for a disk that somebody else created', async () => {
    const { id, uniqueId } = servers.arm.resources.disk('foreign');
    await abort('foreign', { checkpoint: await checkpointOf({ disk: { id, uniqueId } }) });
    expect(exists('foreign')).toBe(false);
  });

  it('keeps another disk of the same name', async () => {
    const path = await checkpointOf();
    servers.arm.resources.replaceDisk('active');
    expect(await failureOf(abort('active', { checkpoint: path }))).toMatchObject({ reason: 'DiskReplaced' });
    expect(exists('active')).toBe(true);
  });

  it('refuses while an upload uses it', async () => {
    const path = await checkpointOf();
    const upload = await ExclusiveAccess.begin(path, new AbortController().signal);
    try {
      expect(await failureOf(abort('active', { checkpoint: path }))).toBeInstanceOf(InUseError);
    } finally {
      await upload.end();
    }
    expect([exists('active'), existsSync(path)]).toEqual([true, true]);
  });
});

describe('vhdup disk abort', () => {
  const args = (...more: string[]) => [
    ...['disk', 'abort', 'active', '-g', 'rg', '--arm-endpoint', servers.armEndpoint],
    ...more,
  ];

  it('needs --yes without a terminal, and sends nothing before', async () => {
    const written = captureOutput();
    expect(await main(args(), {})).toBe(2);
    expect(written.err).toContain('Add --yes');
    expect(servers.calls).toEqual([]);
  });

  it('reports its steps and what it did, without secrets', async () => {
    const environment = await signedIn(servers);
    const path = await checkpointOf();
    const written = captureOutput();
    expect(await main(args('--yes', '--checkpoint', path), environment)).toBe(0);
    expect(written.out).toBe(
      `The upload was aborted, and the disk active deleted.\nThe checkpoint ${path} was removed.\n`,
    );
    expect(written.err).toContain('Delete disk active ...\n');
    expect(await main(args('--yes', '--json'), environment)).toBe(0);
    expect(JSON.parse(written.out.trim().split('\n').at(-1) ?? '')).toMatchObject({ type: 'result', deleted: false });
    expect(servers.secrets.filter((secret) => `${written.out}${written.err}`.includes(secret))).toEqual([]);
  });
});
