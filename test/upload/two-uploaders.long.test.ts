// Exclusive access to a blob: two uploaders, killed uploaders, and other programs.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/state/checkpoint.ts';
import { decodeOwner, encodeOwner, type Owner } from '../../src/state/lease-holder.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import {
  ALL_DATA,
  BLOB,
  CONTAINER,
  committed,
  DATA,
  doneOffset,
  expectBlobHolds,
  holdFrom,
  isComplete,
  MIB,
  makeImage,
  moveToAnotherMachine,
  optionsFor,
  SIZE,
  sas,
  server,
  start,
  startHere,
  uploadAndKill,
  uploadUntil,
  useServer,
  writePage,
} from '../support/contested-blob.ts';
import { serviceClient } from '../support/storage-account.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

useServer();

describe('two uploaders', () => {
  it('with one checkpoint: the second is refused with who, where and since when, and the first continues', async () => {
    const { path, checkpoint, disk } = await makeImage();
    const hold = holdFrom(8 * MIB);
    const first = uploadImage(optionsFor(path));
    await hold.reached;
    for (const more of [{}, { overwrite: true }, { restart: true }, { breakLease: true }]) {
      const refused = await failureOf(uploadImage(optionsFor(path, more)));
      expect(refused).toMatchObject({ code: 'IN_USE', exitCode: 12 });
      expect(refused.message).toMatch(/process \d+ on \S+, since \d{4}-\d\d-\d\dT/);
      expect(refused.message).toContain(checkpoint);
    }
    hold.release();
    await first;
    expectBlobHolds(disk);
    expect(await readdir(dirname(path))).toEqual(['disk.vhd']);
  });

  it('with two checkpoints: the second is refused, also with overwrite, and leaves no checkpoint', async () => {
    const { path, disk } = await makeImage();
    const hold = holdFrom(8 * MIB);
    const first = uploadImage(optionsFor(path));
    await hold.reached;
    const checkpoint = `${path}.other.json`;
    for (const more of [{}, { overwrite: true }, { resumeFromBlob: true }]) {
      const refused = await failureOf(uploadImage(optionsFor(path, { checkpoint, ...more })));
      expect(refused, JSON.stringify(more)).toMatchObject({ code: 'IN_USE' });
      expect(refused.message).toMatch(/process \d+ on \S+, since \d{4}-\d\d-\d\dT/);
      expect(existsSync(checkpoint)).toBe(false);
    }
    hold.release();
    await first;
    expectBlobHolds(disk);
  });

  it('that start at the same moment: exactly one creates the blob', async () => {
    const { path, disk } = await makeImage();
    for (const overwrite of [false, true]) {
      // Otherwise one may have completed the blob before the last one looks at it, which may replace it then.
      const hold = holdFrom(0);
      let refused = 0;
      const refuse = (error: unknown) => {
        refused += 1;
        if (refused === 3) hold.release();
        throw error;
      };
      const results = await Promise.allSettled(
        [1, 2, 3, 4].map((n) =>
          uploadImage(optionsFor(path, { checkpoint: `${path}.${n}.json`, overwrite })).catch(refuse),
        ),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(['IN_USE', 'DESTINATION']).toContain(result.reason.code);
      }
      expectBlobHolds(disk);
    }
  });

  it('with a copy of the checkpoint: the second is refused while the first runs, and resumes when it has stopped', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadUntil(optionsFor(path), 4 * DATA);
    const copy = join(await temporaryFolder(), 'copy.json');
    await copyFile(checkpoint, copy);
    const stop = new AbortController();
    const hold = holdFrom(32 * MIB);
    const first = failureOf(uploadImage(optionsFor(path, { signal: stop.signal })));
    await hold.reached;
    await copyFile(checkpoint, `${copy}.later`);
    for (const name of [copy, `${copy}.later`]) {
      expect(await failureOf(uploadImage(optionsFor(path, { checkpoint: name })))).toMatchObject({ code: 'IN_USE' });
    }
    stop.abort(new Error('enough'));
    await first;
    hold.release();
    const result = await uploadImage(optionsFor(path, { checkpoint: copy }));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
    expect(await uploadImage(optionsFor(path))).toMatchObject({ alreadyComplete: true });
    expectBlobHolds(disk);
  });

  it('with a copy of the checkpoint: a second that is refused changes nothing, and a third is refused too', async () => {
    const { path, checkpoint, disk } = await makeImage();
    const hold = holdFrom(16 * MIB);
    const { running, saved } = startHere(optionsFor(path));
    await Promise.all([hold.reached, saved]);
    const copy = `${checkpoint}.copy`;
    await copyFile(checkpoint, copy);
    const before = await readFile(copy, 'utf8');
    for (let run = 2; run <= 3; run++) {
      expect(await failureOf(uploadImage(optionsFor(path, { checkpoint: copy })))).toMatchObject({ code: 'IN_USE' });
      expect(await readFile(copy, 'utf8')).toBe(before);
    }
    hold.release();
    await running;
    expectBlobHolds(disk);
  });

  it('the second takes the blob with break-lease, and the first stops without harm', async () => {
    const { path, disk } = await makeImage();
    const hold = holdFrom(8 * MIB);
    const first = failureOf(uploadImage(optionsFor(path)));
    await hold.reached;
    const events: UploadEvent[] = [];
    const options = {
      checkpoint: `${path}.other.json`,
      breakLease: true,
      onEvent: (event: UploadEvent) => events.push(event),
    };
    const second = uploadImage(optionsFor(path, { ...options, resumeFromBlob: true }));
    expect(await first).toMatchObject({ code: 'IN_USE', exitCode: 12 });
    hold.release();
    await second;
    expectBlobHolds(disk);
    expect(events.find((event) => event.type === 'warning')).toMatchObject({ code: 'lease-broken' });
  });

  it('the second with break-lease and overwrite replaces the blob, and the first stops', async () => {
    const { path, disk } = await makeImage();
    const hold = holdFrom(8 * MIB);
    const first = failureOf(uploadImage(optionsFor(path)));
    await hold.reached;
    const second = uploadImage(
      optionsFor(path, { checkpoint: `${path}.other.json`, breakLease: true, overwrite: true }),
    );
    expect(['IN_USE', 'DESTINATION']).toContain(((await first) as Error & { code?: string }).code);
    hold.release();
    await second;
    expectBlobHolds(disk);
  });
});

// Windows has no signals between processes, but kill ends a process at once there too.
describe('an uploader that was killed', () => {
  it('is followed at once by the same command on the same machine', async () => {
    const { path, disk } = await makeImage();
    await uploadAndKill(path);
    expect(existsSync(`${path}.vhdup.json.lock`)).toBe(true);
    const result = await uploadImage(optionsFor(path));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
    expect(await readdir(dirname(path))).toEqual(['disk.vhd']);
  });

  it('is followed on another machine when its lease has expired', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadAndKill(path);
    await moveToAnotherMachine(checkpoint);
    const refused = await failureOf(uploadImage(optionsFor(path)));
    expect(refused).toMatchObject({ code: 'IN_USE' });
    expect(refused.message).toContain('--break-lease');
    server.advanceClock(61_000);
    const result = await uploadImage(optionsFor(path));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
  });

  it.each([
    ['its host', { host: 'elsewhere.example' }],
    ['no machine id, as on some systems', { machine: undefined }],
    [
      'another machine of the same name, such as Windows and its WSL',
      { machine: { machineId: '0', bootId: 'none', pidNamespace: 'none' } },
    ],
  ])('is not considered dead if its record names %s', async (_, change) => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadAndKill(path);
    const stored = decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint);
    const owner = decodeOwner(encodeOwner({ ...stored.lease.owner, ...change } as Owner)) ?? stored.lease.owner;
    await writeFile(checkpoint, encodeCheckpoint({ ...stored, lease: { ...stored.lease, owner } }));
    const blob = server.blob(CONTAINER, BLOB);
    blob.metadata = new Map([...blob.metadata, ['vhdup_owner', encodeOwner(owner)]]);
    await writeFile(`${checkpoint}.lock`, encodeOwner(owner));
    const locked = await failureOf(uploadImage(optionsFor(path)));
    expect(locked).toMatchObject({ code: 'IN_USE', exitCode: 12 });
    await rm(`${checkpoint}.lock`);
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'IN_USE', exitCode: 12 });
    server.advanceClock(61_000);
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
  });

  it.each([{ resumeFromBlob: true }, { overwrite: true }])(
    'is followed at once without its checkpoint: %o',
    async (how) => {
      const { path, checkpoint, disk } = await makeImage();
      await uploadAndKill(path);
      await rm(checkpoint);
      expect((await failureOf(uploadImage(optionsFor(path)))).message).toMatch(
        /is an unfinished upload by vhdup.*--resume-from-blob/,
      );
      await uploadImage(optionsFor(path, how));
      expectBlobHolds(disk);
    },
  );

  it('is followed on another machine at once with break-lease', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadAndKill(path);
    await moveToAnotherMachine(checkpoint);
    const { exitCode, stderr } = await start([path, sas(), '--break-lease']).ended;
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/Warning: Broke the lease on \S+, which process \d+ on \S+, since \S+, held\./);
    expectBlobHolds(disk);
  });

  it('keeps the blob from other programs as long as its lease lasts, and what they write later is found', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadAndKill(path);
    // A page that the checkpoint does not count yet is sent again, which replaces a foreign write.
    const sent = await doneOffset(checkpoint);
    expect(await writePage(sent, patternOf(9, 512))).toBe(412);
    server.advanceClock(61_000);
    expect(await writePage(sent, patternOf(9, 512))).toBe(201);
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'VERIFICATION', exitCode: 10 });
    await uploadImage(optionsFor(path, { restart: true }));
    expectBlobHolds(disk);
  });
});

describe('a lease', () => {
  it('that expires while the connection is down is renewed', async () => {
    const { path, disk } = await makeImage();
    const events: UploadEvent[] = [];
    const upload = uploadImage(optionsFor(path, { onEvent: (event) => events.push(event) }));
    await server.when(committed(2 * DATA));
    await server.refuseConnections(true);
    server.advanceClock(10 * 60_000);
    await server.refuseConnections(false);
    await upload;
    expectBlobHolds(disk);
    expect(events.filter(({ type }) => type === 'warning').map((event) => JSON.stringify(event))).toEqual(
      [expect.stringContaining('plain-http')].filter(() =>
        events.some((event) => event.type === 'warning' && event.code === 'plain-http'),
      ),
    );
    expect(server.counters.byErrorCode.get('LeaseLost')).toBeGreaterThan(0);
  });

  it.each([400, 403, 501])(
    'that the service refuses with %i is reported, and the upload continues without it',
    async (status) => {
      const { path, disk } = await makeImage();
      server.faults.add({ operation: 'AcquireLease' }, { kind: 'status', status, code: 'FeatureNotSupported' });
      await uploadUntil(optionsFor(path), 4 * DATA);
      const events: UploadEvent[] = [];
      const result = await uploadImage(optionsFor(path, { onEvent: (event) => events.push(event) }));
      expect(result.sentBefore).toBeGreaterThan(0);
      expect(events.filter((event) => event.type === 'warning' && event.code === 'no-lease')).toHaveLength(1);
      expectBlobHolds(disk);
    },
  );

  it('may fail at any request without harm', async () => {
    const { path, disk } = await makeImage();
    for (const kind of ['reset-before-read', 'reset-after-commit'] as const) {
      for (const operation of ['AcquireLease', 'RenewLease', 'ChangeLease', 'ReleaseLease'] as const) {
        server.faults.add({ operation, probability: 0.4 }, { kind });
      }
    }
    for (let round = 1; round <= 3; round++) await uploadUntil(optionsFor(path), DATA);
    await uploadImage(optionsFor(path));
    server.advanceClock(61_000);
    expectSameBytes(server.blob(CONTAINER, BLOB).read(0, SIZE), disk);
  });
});

describe('resume-from-blob', () => {
  it('resumes after the checkpoint was lost at any moment, and resends only what was in flight', async () => {
    const { path, checkpoint, disk } = await makeImage();
    let random = 7;
    for (let round = 0; round < 12; round++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const stop = new AbortController();
      const target = server.counters.requests + 5 + (random % 6);
      const stopping = server
        .when(() => server.counters.requests >= target || isComplete())
        .then(() => stop.abort(new Error('stop')));
      await uploadImage(optionsFor(path, { resumeFromBlob: true, signal: stop.signal })).catch(() => undefined);
      await stopping;
      await rm(checkpoint, { force: true });
      if (isComplete()) break;
    }
    if (!isComplete()) await uploadImage(optionsFor(path, { resumeFromBlob: true }));
    expectBlobHolds(disk);
    expect(server.counters.byOperation.get('PutBlob')).toBe(1);
    const sent = server.log.filter(({ operation, committed: isDone }) => operation === 'PutPage' && isDone).length;
    expect(sent).toBeLessThanOrEqual(9 + 13 + 2 * 12);
  });

  it('reports how much was found, and resumes in the same way after another stop', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadUntil(optionsFor(path), 4 * DATA);
    await rm(checkpoint);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('--resume-from-blob');
    await uploadUntil(optionsFor(path, { resumeFromBlob: true, threads: 1 }), DATA);
    const before = server.counters.bytesCommitted;
    const result = await uploadImage(optionsFor(path));
    expect(result.sentBefore).toBeGreaterThanOrEqual(5 * DATA);
    expect(result.sent + result.sentBefore).toBe(ALL_DATA + 512);
    expect(server.counters.bytesCommitted - before).toBe(result.sent);
    expectBlobHolds(disk);
  });

  it('resumes at once after a kill on this machine', async () => {
    const { path, checkpoint, disk } = await makeImage();
    for (let kill = 1; kill <= 2; kill++) {
      await uploadAndKill(path, ['--resume-from-blob']);
      await rm(checkpoint);
    }
    const result = await uploadImage(optionsFor(path, { resumeFromBlob: true }));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
  });

  it.each([
    [
      'a kill',
      async (path: string) => {
        await uploadAndKill(path);
        server.blob(CONTAINER, BLOB).lease.break(0, server.now().getTime());
      },
    ],
    [
      'a stop',
      async (path: string) => {
        await uploadUntil(optionsFor(path), 4 * DATA);
        server.advanceClock(61_000);
      },
    ],
  ])('finds foreign writes after %s', async (_, end) => {
    const { path, checkpoint, disk } = await makeImage();
    await end(path);
    const [sent] = decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint).done;
    await rm(checkpoint);
    expect(await writePage(sent?.offset ?? 0, patternOf(9, 512))).toBe(201);
    expect(await failureOf(uploadImage(optionsFor(path, { resumeFromBlob: true })))).toMatchObject({
      code: 'VERIFICATION',
    });
    await uploadImage(optionsFor(path, { restart: true }));
    expectBlobHolds(disk);
  });

  it('replaces a damaged checkpoint', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadUntil(optionsFor(path), 4 * DATA);
    await writeFile(checkpoint, (await readFile(checkpoint, 'utf8')).slice(0, -50));
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('--resume-from-blob');
    expect((await uploadImage(optionsFor(path, { resumeFromBlob: true }))).sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
  });

  it('refuses a blob of another image, a blob of another program, and a complete blob', async () => {
    const { path, checkpoint } = await makeImage();
    await uploadUntil(optionsFor(path), 4 * DATA);
    await rm(checkpoint);
    const other = await makeImage();
    const refused = await failureOf(uploadImage(optionsFor(other.path, { resumeFromBlob: true })));
    expect(refused).toMatchObject({ code: 'DESTINATION' });
    expect(refused.message).toContain('made from another image');
    expect(existsSync(other.checkpoint)).toBe(false);
    server.createPageBlob(CONTAINER, BLOB, SIZE + 512);
    expect((await failureOf(uploadImage(optionsFor(path, { resumeFromBlob: true })))).message).toContain(
      'vhdup did not create it',
    );
    await uploadImage(optionsFor(path, { overwrite: true }));
    expect((await failureOf(uploadImage(optionsFor(path, { resumeFromBlob: true })))).message).toContain(
      'it is complete',
    );
  });

  it('starts from the beginning if there is no blob, and cannot be combined with restart', async () => {
    const { path, disk } = await makeImage();
    expect(await failureOf(uploadImage(optionsFor(path, { resumeFromBlob: true, restart: true })))).toMatchObject({
      code: 'USAGE',
    });
    await uploadImage(optionsFor(path, { resumeFromBlob: true }));
    expectBlobHolds(disk);
  });
});

describe('a checkpoint that cannot be written', () => {
  it.skipIf(process.platform !== 'linux')('is refused before a blob is created', async () => {
    const { path } = await makeImage();
    // Not even root can write there.
    expect(await failureOf(uploadImage(optionsFor(path, { checkpoint: '/proc/vhdup.json' })))).toMatchObject({
      code: 'CHECKPOINT',
      exitCode: 7,
    });
    expect(server.counters.requests).toBe(0);
  });

  it('is refused at once on a full disk; a disk that fills up later does not stop the run, and the next run resumes', async (context) => {
    const folder = await mountSmallDisk();
    if (folder === undefined) return context.skip('a file system in memory cannot be mounted here');
    const { path, disk } = await makeImage();
    const checkpoint = join(folder, 'c.json');
    const filler = join(folder, 'filler');
    const fill = () => expect(() => writeFileSync(filler, Buffer.alloc(1024 * 1024))).toThrow('ENOSPC');
    fill();
    expect(await failureOf(uploadImage(optionsFor(path, { checkpoint })))).toMatchObject({ code: 'CHECKPOINT' });
    expect(await readdir(folder)).toEqual(['filler']);
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);

    await rm(filler);
    await uploadUntil(optionsFor(path, { checkpoint }), 3 * DATA);
    const codes: string[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning') codes.push(event.code);
      if (event.type === 'phase' && event.phase === 'sending') fill();
    };
    await uploadUntil(optionsFor(path, { checkpoint, onEvent }), 2 * DATA);
    expect(codes).toContain('checkpoint-not-saved');
    await rm(filler);
    const result = await uploadImage(optionsFor(path, { checkpoint }));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
  });
});

/** A file system of 64 KiB that exists until the test ends; undefined if mounting is not allowed. */
async function mountSmallDisk(): Promise<string | undefined> {
  const folder = join(await temporaryFolder(), 'small');
  await mkdir(folder);
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('/bin/umount', [folder]));
  return folder;
}

describe('Azurite', () => {
  let azurite: Azurite;

  beforeAll(async () => {
    azurite = await startAzurite();
    await azurite.createContainer(CONTAINER);
  });
  afterAll(() => azurite.close());

  it('has one uploader at a time, resumes after a stop, and finds foreign writes', async () => {
    const { path, disk } = await makeImage();
    const destination = azurite.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'rw' });
    const stop = new AbortController();
    let sent = 0;
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'progress') sent = event.sent;
      if (sent >= DATA && !second)
        second = failureOf(uploadImage(optionsFor(path, { destination, checkpoint: `${path}.2` })));
    };
    let second: Promise<Error> | undefined;
    // The rest takes longer than the second needs to be refused, even on a busy machine.
    const first = failureOf(
      uploadImage(optionsFor(path, { destination, threads: 1, onEvent, signal: stop.signal, maxRate: DATA / 2 })),
    );
    while (second === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(await second).toMatchObject({ code: 'IN_USE' });
    stop.abort(new Error('enough'));
    expect((await first).message).toBe('enough');

    await uploadUntilSaved(optionsFor(path, { destination }));
    const blob = serviceClient(azurite).getContainerClient(CONTAINER).getPageBlobClient(BLOB);
    await blob.uploadPages(patternOf(9, 512), 0, 512);
    expect(await failureOf(uploadImage(optionsFor(path, { destination })))).toMatchObject({ code: 'VERIFICATION' });
    await uploadImage(optionsFor(path, { destination, restart: true }));
    expectSameBytes((await blob.downloadToBuffer()).subarray(0, SIZE), disk);
    expect((await blob.getProperties()).leaseState).toBe('available');
  });
});

/** Stops an upload once it has sent something. */
async function uploadUntilSaved(options: UploadOptions): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.sent > 0) stop.abort(new Error('stopped by the test'));
  };
  expect((await failureOf(uploadImage({ ...options, threads: 1, onEvent, signal: stop.signal }))).message).toBe(
    'stopped by the test',
  );
}
