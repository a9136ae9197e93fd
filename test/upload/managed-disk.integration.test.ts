// Uploads to managed disks that vhdup creates, against strict servers of Azure Resource Manager and of the content of disks.
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint } from '../../src/state/checkpoint.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import {
  callsOf,
  DATA,
  diskThere,
  expectDiskHolds,
  makeImage,
  NAME,
  newDiskOptions,
  restartManagedDisks,
  SIZE,
  servers,
  useManagedDisks,
} from '../support/disk-upload.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useManagedDisks();

const STOP = new Error('stopped by the test');

/** Runs until some windows are done and stops in an orderly way. */
async function stopOnce(path: string, more: Partial<UploadOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.sent > 2 * DATA) stop.abort(STOP);
  };
  expect(await failureOf(uploadImage(newDiskOptions(path, { signal: stop.signal, onEvent, ...more })))).toBe(STOP);
}

describe('an upload to a new managed disk', () => {
  it('creates it, gets access, sends, proves and commits, in this order', async () => {
    await restartManagedDisks();
    const { path, checkpoint, disk } = await makeImage();
    const phases: string[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'phase') phases.push(event.phase);
    };
    const result = await uploadImage(newDiskOptions(path, { onEvent }));
    expectDiskHolds(disk);
    expect(result.disk).toMatchObject({ isCommitted: true });
    expect(phases).toEqual(['creating', 'waiting-for-access', 'sending', 'finishing', 'verifying', 'committing']);
    expect(existsSync(checkpoint)).toBe(false);
    expect(callsOf('arm EndGetAccess')).toBe(1);
    const [end, lastRead, lastWrite] = ['arm EndGetAccess', 'disk GetBlob', 'disk PutPage'].map((call) =>
      servers.calls.lastIndexOf(call),
    );
    expect(end).toBeGreaterThan(lastRead ?? 0);
    expect(lastRead).toBeGreaterThan(lastWrite ?? 0);
  });

  it('resumes after a stop, and neither creates a second disk nor ends the access in between', async () => {
    const { path, disk } = await makeImage();
    await stopOnce(path);
    expect(diskThere().state).toBe('ActiveUpload');
    expect(callsOf('arm EndGetAccess')).toBe(0);
    const result = await uploadImage(newDiskOptions(path));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectDiskHolds(disk);
    expect(callsOf('arm PutDisk')).toBe(1);
  });

  it('is created in the region of the resource group if no other is chosen', async () => {
    const { path, disk } = await makeImage();
    await uploadImage({ ...newDiskOptions(path), disk: { name: NAME } });
    expect(diskThere().body).toMatchObject({ location: 'westeurope' });
    expectDiskHolds(disk);
  });

  it('is found again if the answer to its creation was lost', async () => {
    const { path, disk } = await makeImage();
    servers.arm.faults.add({ operation: 'PutDisk', nth: 1 }, { kind: 'reset-after-commit' });
    await uploadImage(newDiskOptions(path));
    expectDiskHolds(disk);
  });

  it('is already finished if the run was lost after the end of the access', async () => {
    const { path, checkpoint, disk } = await makeImage();
    let saved = '';
    const onEvent = (event: UploadEvent) => {
      // At once: the run removes it soon.
      if (event.type === 'phase' && event.phase === 'committing') saved = readFileSync(checkpoint, 'utf8');
    };
    await uploadImage(newDiskOptions(path, { onEvent }));
    expect(decodeCheckpoint(saved, checkpoint).disk).toMatchObject({ finishing: true });
    await writeFile(checkpoint, saved);
    const again = await uploadImage(newDiskOptions(path));
    expect(again).toMatchObject({ alreadyComplete: true, disk: { isCommitted: true } });
    expect(existsSync(checkpoint)).toBe(false);
    expectDiskHolds(disk);
    expect(callsOf('arm EndGetAccess')).toBe(1);
  });

  it.each(['new-url', 'same-url', 'both-live'] as const)(
    'continues with a second grant (%s) when the SAS ends midway',
    async (secondGrant) => {
      const { path, disk } = await makeImage();
      servers.arm.behaviour.secondGrant = secondGrant;
      let expired = false;
      const onEvent = (event: UploadEvent) => {
        if (event.type !== 'progress' || event.sent === 0 || expired) return;
        expired = true;
        servers.disks.expireSas();
      };
      await uploadImage(newDiskOptions(path, { onEvent }));
      expectDiskHolds(disk);
      expect(callsOf('arm BeginGetAccess')).toBe(2);
      expect(callsOf('arm EndGetAccess')).toBe(1);
    },
  );

  it('stops and leaves the disk if a second grant is refused', async () => {
    const { path, checkpoint } = await makeImage();
    servers.arm.behaviour.secondGrant = 'conflict';
    let expired = false;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'progress' || event.sent === 0 || expired) return;
      expired = true;
      servers.disks.expireSas();
    };
    await failureOf(uploadImage(newDiskOptions(path, { onEvent })));
    expect(existsSync(checkpoint)).toBe(true);
    expect(diskThere().state).toBe('ActiveUpload');
    expect(callsOf('arm EndGetAccess')).toBe(0);
    expect(callsOf('arm DeleteDisk')).toBe(0);
  });

  it.each([
    ['deleted', () => servers.arm.resources.deleteDisk(NAME), 'was deleted', 6],
    [
      'replaced by another of the same name',
      () => servers.arm.resources.replaceDisk(NAME),
      'another disk of the same name',
      6,
    ],
    ['ended by something else', () => servers.arm.resources.revokeAccess(NAME), 'accepts no more data', 6],
  ] as const)('explains that the disk was %s between two runs', async (_, change, text, exitCode) => {
    const { path } = await makeImage();
    await stopOnce(path);
    change();
    const failure = await failureOf(uploadImage(newDiskOptions(path)));
    expect(failure.message).toContain(text);
    expect(failure).toMatchObject({ exitCode });
    expect(callsOf('arm DeleteDisk')).toBe(0);
  });

  it('explains that the disk was ended by something else during the run', async () => {
    const { path } = await makeImage();
    let ended = false;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'progress' || event.sent === 0 || ended) return;
      ended = true;
      servers.arm.resources.revokeAccess(NAME);
    };
    const failure = await failureOf(uploadImage(newDiskOptions(path, { onEvent })));
    expect(failure.message).toContain('accepts no more data');
  });

  it('is never replaced if it exists', async () => {
    const { path } = await makeImage();
    servers.arm.resources.createDisk({ name: NAME, uploadSizeBytes: SIZE + 512, state: 'Unattached' });
    for (const more of [{}, { overwrite: true }, { restart: true }]) {
      const failure = await failureOf(uploadImage(newDiskOptions(path, more)));
      expect(failure.message).toContain('exists already');
    }
    expect(servers.calls.filter((call) => /Put|Delete|Begin|End/.test(call))).toEqual([]);
  });

  it('is not committed if its content does not match, and no later run resumes that content', async () => {
    const { path, disk } = await makeImage();
    let written = false;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'phase' || event.phase !== 'verifying' || written) return;
      written = true;
      const { pages } = diskThere();
      if (pages !== undefined) servers.disks.writePages(pages, 0, patternOf(99, 512));
    };
    const failure = await failureOf(uploadImage(newDiskOptions(path, { verify: 'full', onEvent })));
    expect(failure).toMatchObject({ exitCode: 10 });
    expect(diskThere().state).toBe('ActiveUpload');
    expect(callsOf('arm EndGetAccess')).toBe(0);
    await uploadImage(newDiskOptions(path, { verify: 'full' }));
    expectDiskHolds(disk);
  });

  it('is resumed without its checkpoint, and read back', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await stopOnce(path);
    await rm(checkpoint);
    expect((await failureOf(uploadImage(newDiskOptions(path)))).message).toContain('vhdup disk abort web01-os -g rg');
    const result = await uploadImage(newDiskOptions(path, { resumeFromBlob: true }));
    expect(result.verified).toBe('unverified');
    expectDiskHolds(disk);
  });

  it('is resumed without its checkpoint, stopped, and resumed from the new one', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await stopOnce(path);
    await rm(checkpoint);
    await stopOnce(path, { resumeFromBlob: true });
    await uploadImage(newDiskOptions(path));
    expectDiskHolds(disk);
  });

  it('is taken from another upload with overwrite, which then stops without harm', async () => {
    const { path, disk } = await makeImage();
    const second = await makeImage();
    let taken: Promise<unknown> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'progress' || event.sent === 0 || taken !== undefined) return;
      // The first must not have committed the disk before the second has taken it.
      const hold = servers.disks.faults.add({ operation: 'PutPage' }, internalError());
      void servers.arm.when(() => callsOf('arm PatchDisk') > 0).then(() => hold.remove());
      taken = uploadImage(newDiskOptions(second.path, { overwrite: true }));
    };
    const failure = await failureOf(uploadImage(newDiskOptions(path, { onEvent, verify: 'full' })));
    expect([6, 8, 10, 12]).toContain((failure as { exitCode?: number }).exitCode);
    await taken;
    expectDiskHolds(disk);
    expect(callsOf('arm EndGetAccess')).toBe(1);
  });

  it('belongs to the last of two uploads that create it at the same time', async () => {
    const { path, disk } = await makeImage();
    let other: Promise<unknown> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'phase' || event.phase !== 'waiting-for-access' || other !== undefined) return;
      const there = diskThere();
      there.body = { ...there.body, tags: { 'vhdup-upload-id': 'another-upload' } };
      other = Promise.resolve();
    };
    const failure = await failureOf(uploadImage(newDiskOptions(path, { onEvent })));
    expect(failure).toMatchObject({ exitCode: 12 });
    expect(callsOf('disk PutPage')).toBe(0);
    expect(callsOf('arm EndGetAccess')).toBe(0);
    expect(disk.length).toBe(SIZE);
  });

  it('shows no secret in events, errors and the checkpoint', async () => {
    const { path, checkpoint } = await makeImage();
    const seen: string[] = [];
    const onEvent = (event: UploadEvent) => seen.push(JSON.stringify(event));
    await uploadImage(newDiskOptions(path, { onEvent }));
    await rm(checkpoint, { force: true });
    const text = seen.join('\n');
    expect(servers.secrets.length).toBeGreaterThan(2);
    for (const secret of servers.secrets) expect(text).not.toContain(secret);
  });

  it.each([401, 403] as const)(
    'sends a token with the SAS if the disk asks for it with %i',
    async (challengeStatus) => {
      const { path, disk } = await makeImage();
      servers.disks.behaviour.challengeStatus = challengeStatus;
      await uploadImage(newDiskOptions(path, {}, { dataAccessAuthMode: 'AzureActiveDirectory' }));
      expectDiskHolds(disk);
      const scopes = new Set(servers.credential.requests.map(({ scope }) => scope));
      expect(scopes.size, 'one for Azure Resource Manager, one for disks').toBe(2);
    },
  );

  it('says which role is missing if the disk rejects the token', async () => {
    const { path } = await makeImage();
    servers.disks.behaviour.hasDataOperatorRole = false;
    const failure = await failureOf(
      uploadImage(newDiskOptions(path, {}, { dataAccessAuthMode: 'AzureActiveDirectory' })),
    );
    expect(failure).toMatchObject({ exitCode: 8 });
    expect(failure.message).toContain('Data Operator for Managed Disks');
  });

  it('takes a fresh token for the commit if the first one has expired', async () => {
    const { path, disk } = await makeImage();
    let expired = false;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'phase' || event.phase !== 'verifying' || expired) return;
      expired = true;
      servers.issuer.expireAll();
    };
    await uploadImage(newDiskOptions(path, { onEvent }));
    expectDiskHolds(disk);
  });

  it.each(['ActiveUpload', 'Unattached'] as const)(
    'leaves the disk if the service does not accept its content as a VHD (then %s)',
    async (stateAfterInvalidVhd) => {
      const { path } = await makeImage();
      servers.arm.behaviour.stateAfterInvalidVhd = stateAfterInvalidVhd;
      const onEvent = (event: UploadEvent) => {
        if (event.type !== 'phase' || event.phase !== 'committing') return;
        const { pages } = diskThere();
        if (pages !== undefined) servers.disks.writePages(pages, SIZE, patternOf(99, 512));
      };
      const failure = await failureOf(uploadImage(newDiskOptions(path, { onEvent })));
      expect(failure).toMatchObject({ exitCode: 10 });
      expect(failure.message).toContain('InvalidVhd');
      expect(callsOf('arm DeleteDisk')).toBe(0);
      if (stateAfterInvalidVhd === 'ActiveUpload') return;
      expect((await failureOf(uploadImage(newDiskOptions(path)))).message, 'no success later').toContain(
        'no more data',
      );
    },
  );

  it('has the generation and the system that were chosen, and no option that contradicts another', async () => {
    const { path } = await makeImage();
    await failureOf(uploadImage(newDiskOptions(path, {}, { securityType: 'trusted-launch', generation: 1 })));
    expect(servers.calls.filter((call) => call.startsWith('arm'))).toEqual([]);
    await uploadImage(
      newDiskOptions(path, {}, { osType: 'linux', generation: 2, sku: 'PremiumV2_LRS', tags: { owner: 'me' } }),
    );
    const { properties, tags } = diskThere().body;
    expect(properties).toMatchObject({
      osType: 'Linux',
      hyperVGeneration: 'V2',
      creationData: { logicalSectorSize: 512 },
    });
    expect(tags).toMatchObject({ owner: 'me' });
  });

  it.each([
    ['contentMd5', { contentMd5: true }],
    ['createContainer', { createContainer: true }],
    ['breakLease', { breakLease: true }],
    ['metadata', { metadata: { owner: 'me' } }],
    ['destination', { destination: 'https://account.blob.core.windows.net/vhds/disk.vhd' }],
  ] as const)('refuses the option %s before it sends anything', async (name, more) => {
    const { path } = await makeImage();
    const failure = await failureOf(uploadImage(newDiskOptions(path, more)));
    expect(failure).toMatchObject({ exitCode: 2 });
    expect(failure.message).toContain(name);
    expect(servers.calls).toEqual([]);
  });
});
