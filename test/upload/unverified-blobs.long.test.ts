// Blobs without proof that only their upload has written to them: the upload resumes, and reads back unverified data.
import { existsSync } from 'node:fs';
import { copyFile, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint } from '../../src/state/checkpoint.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import {
  ALL_DATA,
  BLOB,
  CONTAINER,
  DATA,
  doneOffset,
  expectBlobHolds,
  giveNoLeases,
  holdFrom,
  isComplete,
  killWhen,
  lease,
  MIB,
  makeImage,
  nowMs,
  optionsFor,
  SIZE,
  STOP,
  sas,
  server,
  start,
  stopAfter,
  stopOnRetry,
  uploadAndKill,
  uploadUntil,
  useServer,
  writePage,
  writeUnder,
} from '../support/contested-blob.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

useServer();

/** Runs that leave a blob without proof that nothing else has written to it. */
const UNPROVED: readonly (readonly [string, (path: string, checkpoint: string) => Promise<Partial<UploadOptions>>])[] =
  [
    [
      'killed, on a service without leases',
      async (path) => {
        giveNoLeases();
        await uploadAndKill(path);
        return {};
      },
    ],
    [
      'killed, on a service without leases, with the checkpoint lost',
      async (path, checkpoint) => {
        giveNoLeases();
        await uploadAndKill(path);
        await rm(checkpoint);
        return { resumeFromBlob: true };
      },
    ],
    [
      'stopped cleanly, with the checkpoint lost',
      async (path, checkpoint) => {
        await stopAfter(path, () => undefined);
        await rm(checkpoint);
        return { resumeFromBlob: true };
      },
    ],
  ];

/**
 * A page that the run had sent, and that its next run takes as sent. A page that the checkpoint does not count yet is sent again, which
 * replaces a foreign write.
 */
async function sentOffset(checkpoint: string): Promise<number> {
  if (existsSync(checkpoint)) return await doneOffset(checkpoint);
  return server.blob(CONTAINER, BLOB).ranges()[0]?.offset ?? 0;
}
const reads = () => server.counters.byOperation.get('GetBlob') ?? 0;

describe.each(UNPROVED)('a run that was %s', (_, leave) => {
  it('is resumed, and what it had sent is read back', async () => {
    const { path, checkpoint, disk } = await makeImage();
    const options = optionsFor(path, await leave(path, checkpoint));
    const warnings: string[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning') warnings.push(event.code);
    };
    expect(await uploadImage({ ...options, onEvent })).toMatchObject({ verified: 'unverified' });
    expect(warnings).toContain('unverified');
    const hasLease = !warnings.includes('no-lease');
    // Nine windows and the footer.
    if (hasLease) expect(reads(), 'what this run sent under its lease is not read').toBeLessThan(36 / 4 + 1);
    else expect(reads(), 'nothing prevented foreign writes to what this run sent').toBe(36 / 4 + 1);
    expectBlobHolds(disk);
  });

  it('is not completed after a foreign write to what it had sent, however soon', async () => {
    const { path, checkpoint, disk } = await makeImage();
    const options = optionsFor(path, await leave(path, checkpoint));
    expect(await writeUnder(undefined, await sentOffset(checkpoint))).toBe(201);
    const failure: unknown = await uploadImage(options).then(
      () => undefined,
      (error: unknown) => error,
    );
    // A page that the next run sends again replaces the foreign write. Foreign bytes are never left in a complete blob.
    if (failure === undefined) {
      expectBlobHolds(disk);
      return;
    }
    expect(failure).toMatchObject({ code: 'VERIFICATION', message: expect.stringContaining('--restart') });
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('cannot be trusted');
    await uploadImage(optionsFor(path, { restart: true }));
    expectBlobHolds(disk);
  });

  it('stays unverified after another run that was stopped and lost its checkpoint as well', async () => {
    const { path, checkpoint } = await makeImage();
    const options = optionsFor(path, await leave(path, checkpoint));
    expect(await writeUnder(undefined, await sentOffset(checkpoint))).toBe(201);
    const stop = new AbortController();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'start') stop.abort(STOP);
    };
    expect(await failureOf(uploadImage({ ...options, signal: stop.signal, onEvent }))).toBe(STOP);
    await rm(checkpoint);
    expect(await failureOf(uploadImage({ ...options, resumeFromBlob: true }))).toMatchObject({ code: 'VERIFICATION' });
  });

  it('is completed without a read-back, and with a warning, if only the page list is to be compared', async () => {
    const { path, checkpoint, disk } = await makeImage();
    const options = optionsFor(path, { ...(await leave(path, checkpoint)), verify: 'ranges' });
    const messages: string[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning') messages.push(event.message);
    };
    expect(await uploadImage({ ...options, onEvent })).toMatchObject({ verified: 'ranges' });
    expect(messages.join()).toContain('--verify ranges skips the read-back');
    expect(reads()).toBe(0);
    expectBlobHolds(disk);
  });
});

describe('an upload that was stopped cleanly, on a service without leases', () => {
  it('is read back as a whole, because nothing prevented foreign writes at any time', async () => {
    const { path, disk } = await makeImage();
    giveNoLeases();
    await uploadUntil(optionsFor(path), 4 * DATA);
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    expect(reads()).toBe(36 / 4 + 1);
    expectBlobHolds(disk);
  });

  it('fails after a foreign write, however late', async () => {
    const { path, checkpoint } = await makeImage();
    giveNoLeases();
    await uploadUntil(optionsFor(path), 4 * DATA);
    server.advanceClock(61_000);
    expect(await writeUnder(undefined, await doneOffset(checkpoint))).toBe(201);
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'VERIFICATION' });
  });
});

/** With default options, a run either finds the foreign write when it reads back, or refuses the blob. */
async function expectNoticed(options: UploadOptions): Promise<void> {
  const code = expect.stringMatching(/^(?:VERIFICATION|DESTINATION)$/);
  expect(await failureOf(uploadImage(options))).toMatchObject({ code });
}

const slowly = { retryDelayMs: 200, maxRetryDelayMs: 400 } as const;

describe('a foreign write is not forgotten when the run that could not detect it', () => {
  it('is stopped while the answer to its lease request is in flight', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path);
    await rm(checkpoint);
    expect(await writeUnder(undefined, 0)).toBe(201);
    server.faults.add({ operation: 'AcquireLease' }, { kind: 'reset-after-commit' });
    await stopOnRetry(optionsFor(path, { resumeFromBlob: true }));
    await expectNoticed(optionsFor(path));
  });

  it('is killed while the answer to its lease request is in flight', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path);
    await rm(checkpoint);
    expect(await writeUnder(undefined, 0)).toBe(201);
    server.faults.add({ operation: 'AcquireLease' }, { kind: 'stall-answer' });
    const run = start([path, sas(), '--resume-from-blob']);
    await server.when(() => lease().state(nowMs()) === 'leased');
    run.child.kill('SIGKILL');
    await run.ended;
    server.faults.clear();
    await expectNoticed(optionsFor(path));
  });

  it('has an old copy of the checkpoint, and is stopped before it has listed the pages', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path);
    const copy = `${checkpoint}.copy`;
    await copyFile(checkpoint, copy);
    await stopAfter(path, undefined, 32 * MIB);
    expect(await writeUnder(undefined, await doneOffset(copy))).toBe(201);
    server.faults.add({ operation: 'GetPageRanges' }, internalError());
    await stopOnRetry(optionsFor(path, { checkpoint: copy }));
    await expectNoticed(optionsFor(path, { checkpoint: copy }));
  });

  it('is the first to get a lease, and is stopped before it has listed the pages', async () => {
    const { path, checkpoint } = await makeImage();
    giveNoLeases();
    await uploadAndKill(path);
    server.faults.clear();
    expect(await writeUnder(undefined, await doneOffset(checkpoint))).toBe(201);
    server.faults.add({ operation: 'GetPageRanges' }, internalError());
    await stopOnRetry(optionsFor(path));
    await expectNoticed(optionsFor(path));
  });

  it('gets its lease at the moment of the write, and is stopped then', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path, giveNoLeases);
    const offset = await doneOffset(checkpoint);
    server.faults.add({ operation: 'AcquireLease', nth: 1 }, { kind: 'reset-before-read' });
    server.faults.add({ operation: 'AcquireLease' }, { kind: 'reset-after-commit' });
    const before = async () => {
      expect(await writeUnder(undefined, offset)).toBe(201);
      await server.when(() => lease().state(nowMs()) === 'leased');
    };
    await stopOnRetry(optionsFor(path, slowly), before);
    await expectNoticed(optionsFor(path));
  });

  it('would have read back everything, and is stopped before it has listed the pages', async () => {
    const { path, checkpoint } = await makeImage();
    giveNoLeases();
    await uploadAndKill(path);
    server.faults.clear();
    const offset = await doneOffset(checkpoint);
    server.faults.add({ operation: 'AcquireLease', nth: 1 }, { kind: 'reset-before-read' });
    const looks = server.faults.add({ operation: 'GetPageRanges' }, internalError());
    const before = async () => {
      expect(await writeUnder(undefined, offset)).toBe(201);
      await server.when(() => looks.hits > 0);
    };
    await stopOnRetry(optionsFor(path, { ...slowly, verify: 'full' }), before);
    await expectNoticed(optionsFor(path));
  });

  it.each([true, false])(
    'had nothing to resume from yet (leases: %s), and its checkpoint is lost',
    async (hasLeases) => {
      const contents = [
        { offset: 0, bytes: patternOf(1, 20 * MIB) },
        // A separate run.
        { offset: 38 * MIB, bytes: patternOf(2, 4096) },
      ];
      const path = join(await temporaryFolder(), 'disk.vhd');
      await buildVhd(path, { type: 'dynamic', size: SIZE, contents, uniqueId: uniqueIdOf(1) });
      if (!hasLeases) giveNoLeases();
      const rule = server.faults.add({ operation: 'PutPage' }, internalError());
      const run = start([path, sas()]);
      await server.when(() => rule.hits > 3);
      run.child.kill('SIGKILL');
      await run.ended;
      server.faults.clear();
      server.advanceClock(120_000);
      expect(await writePage(38 * MIB, patternOf(9, 4096))).toBe(201);
      const cutOff = () => {
        server.faults.add(
          { operation: ['SetBlobMetadata', 'ReleaseLease', 'RenewLease'] },
          { kind: 'reset-before-read' },
        );
      };
      await stopAfter(path, cutOff);
      await rm(`${path}.vhdup.json`);
      await expectNoticed(optionsFor(path, { resumeFromBlob: true }));
      await uploadImage(optionsFor(path, { restart: true }));
      expectBlobHolds(diskOf(SIZE, contents));
    },
  );

  it('is resumed with a copy of its checkpoint from before it took over the blob', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path);
    await rm(checkpoint);
    expect(await writeUnder(undefined, 0)).toBe(201);
    const copy = `${checkpoint}.copy`;
    let copied: Promise<void> | undefined;
    server.faults.add({ operation: 'RenewLease', times: 1 }, internalError());
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'retry') copied ??= copyFile(checkpoint, copy);
    };
    const hold = holdFrom(36 * MIB);
    const stop = new AbortController();
    const running = failureOf(
      uploadImage(optionsFor(path, { ...slowly, resumeFromBlob: true, onEvent, signal: stop.signal })),
    );
    await hold.reached;
    server.faults.add({ operation: ['SetBlobMetadata', 'ReleaseLease'] }, { kind: 'reset-before-read' });
    stop.abort(STOP);
    expect(await running).toBe(STOP);
    await copied;
    server.faults.clear();
    await expectNoticed(optionsFor(path, { checkpoint: copy }));
  });

  it('received no answer to its first write, on a service without leases', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path, giveNoLeases);
    giveNoLeases();
    const offset = await doneOffset(checkpoint);
    server.faults.add({ operation: 'SetBlobMetadata', nth: 1 }, { kind: 'reset-after-commit' });
    let written: Promise<number> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'retry') written ??= writeUnder(undefined, offset);
    };
    await expectNoticed(optionsFor(path, { ...slowly, onEvent }));
    expect(await written).toBe(201);
  });
});

describe('on a service without leases, a run that finds a blob that keeps changing', () => {
  it('looks again a few times, and is then refused', async () => {
    const { path } = await makeImage();
    await stopAfter(path, giveNoLeases);
    giveNoLeases();
    const fault = { kind: 'status', status: 412, code: 'ConditionNotMet' } as const;
    const rule = server.faults.add({ operation: 'SetBlobMetadata' }, fault);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('is writing to the blob');
    expect(rule.hits).toBeLessThan(10);
  });

  it('resumes if the change was the last request of a run that was killed', async () => {
    const { path, checkpoint, disk } = await makeImage();
    giveNoLeases();
    await uploadAndKill(path);
    server.faults.clear();
    const offset = await doneOffset(checkpoint);
    server.faults.add({ operation: 'AcquireLease', nth: 1 }, { kind: 'reset-before-read' });
    let written: Promise<number> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'retry') written ??= writePage(offset, disk.subarray(offset, offset + 512));
    };
    expect(await uploadImage(optionsFor(path, { ...slowly, onEvent }))).toMatchObject({ verified: 'unverified' });
    expect(await written).toBe(201);
    expectBlobHolds(disk);
  });

  it.each([
    ['completed it', true],
    ['is at work on it', false],
  ])('leaves it to another run that %s meanwhile', async (_, isCompleted) => {
    const { path, checkpoint, disk } = await makeImage();
    await stopAfter(path, giveNoLeases);
    giveNoLeases();
    const copy = `${checkpoint}.copy`;
    await copyFile(checkpoint, copy);
    const rule = server.faults.add({ operation: 'SetBlobMetadata', nth: 1 }, internalError());
    const hold = holdFrom(16 * MIB);
    if (isCompleted) hold.release();
    let other: Promise<unknown> | undefined;
    let isSecondRetried = false;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'retry' || other !== undefined) return;
      rule.remove();
      // All other connections work.
      other = uploadImage(optionsFor(path, { checkpoint: copy, verify: 'none' }));
      isSecondRetried = true;
    };
    // Late enough for the other run to make progress.
    const retries = { retryDelayMs: 4000, maxRetryDelayMs: 4000 };
    const ended = await uploadImage(optionsFor(path, { ...retries, onEvent })).catch((error: unknown) => error);
    expect(isSecondRetried).toBe(true);
    expect(ended).toMatchObject(
      isCompleted
        ? { alreadyComplete: true, sent: 0 }
        : { code: 'IN_USE', message: expect.stringContaining('is uploading to it') },
    );
    hold.release();
    await other;
    expect(isComplete()).toBe(true);
    expectBlobHolds(disk);
  });
});

const load = async (path: string) => decodeCheckpoint(await readFile(path, 'utf8'), path);

/** Kills an upload in another process once `isReached`. */
async function killOnce(path: string, isReached: () => Promise<boolean>): Promise<void> {
  await killWhen(start([path, sas()]), isReached);
}

/** Leaves an upload in which only the footer is not done, on a service without leases. */
async function killBeforeFooter(path: string, checkpoint: string): Promise<void> {
  giveNoLeases();
  const footer = server.faults.add({ operation: 'PutPage', range: { offset: SIZE, length: 512 } }, internalError());
  await killOnce(path, async () => (await load(checkpoint).catch(() => undefined))?.sent.bytes === ALL_DATA);
  footer.remove();
}

/** Blocks reads beyond the middle of the disk. */
function holdReads() {
  return server.faults.add({ operation: 'GetBlob', range: { offset: 20 * MIB, length: SIZE } }, internalError());
}

async function isHalfRead(checkpoint: string): Promise<boolean> {
  return ((await load(checkpoint)).unverified[0]?.offset ?? 0) > 0;
}

describe('what happens while a run reads back', () => {
  it('to data that was already read back is detected, also if the run is then stopped', async () => {
    const { path, checkpoint } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    const hold = holdReads();
    const stop = new AbortController();
    let written: Promise<number> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'saved' || written !== undefined) return;
      void isHalfRead(checkpoint).then((isHalf) => {
        if (!isHalf || written !== undefined) return;
        written = writeUnder(undefined, 0).finally(() => stop.abort(STOP));
      });
    };
    expect(await failureOf(uploadImage(optionsFor(path, { signal: stop.signal, onEvent })))).toBe(STOP);
    expect(await written).toBe(201);
    hold.remove();
    await expectNoticed(optionsFor(path));
  });

  it('by a late request of the run itself, under its lease, does not count as foreign', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    server.faults.clear();
    const hold = holdReads();
    const running = failureOf(uploadImage(optionsFor(path)));
    await server.when(() => hold.hits > 0);
    expect(await writePage(0, disk.subarray(0, 512), { 'x-ms-lease-id': lease().id ?? '' })).toBe(201);
    hold.remove();
    expect(await running).toMatchObject({ reason: 'ConditionNotMet' });
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
  });

  it('to the image is reported as such', async () => {
    const { path, checkpoint } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    const hold = holdReads();
    const running = failureOf(uploadImage(optionsFor(path)));
    await server.when(() => hold.hits > 0);
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.alloc(4096, 7), 0, 4096, size - MIB);
    await file.close();
    hold.remove();
    expect(await running).toMatchObject({ code: 'IMAGE_CHANGED' });
  });
});

describe('what was sent under a lease since', () => {
  it('is not read back, however many runs it takes', async () => {
    const { path, checkpoint, disk } = await makeImage();
    giveNoLeases();
    await uploadAndKill(path);
    server.faults.clear();
    const { done } = await load(checkpoint);
    await stopAfter(path, undefined, 32 * MIB);
    expect(await load(checkpoint)).toMatchObject({ unverified: done });
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    expect(reads()).toBeLessThanOrEqual(done.reduce((windows, { length }) => windows + length / (4 * MIB), 0) + 1);
    expectBlobHolds(disk);
  });

  it('is not read back either if nothing was sent before', async () => {
    const { path, disk } = await makeImage();
    const hold = holdFrom(0);
    giveNoLeases();
    const run = start([path, sas()]);
    await hold.reached;
    run.child.kill('SIGKILL');
    await run.ended;
    server.faults.clear();
    await stopAfter(path);
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'ranges' });
    expect(reads()).toBe(0);
    expectBlobHolds(disk);
  });
});

describe('a run that is killed while it reads back', () => {
  it('leaves the rest to the next one', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    server.faults.clear();

    const hold = holdReads();
    await killOnce(path, () => isHalfRead(checkpoint));
    hold.remove();
    const before = reads();
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    // At most eight of the nine windows, and the footer.
    expect(reads() - before).toBeLessThanOrEqual(36 / 4);
    expectBlobHolds(disk);
  });

  it('loses nothing if the next one is killed before it reads', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    server.faults.clear();
    const hold = holdReads();
    await killOnce(path, () => isHalfRead(checkpoint));
    hold.remove();
    const before = reads();
    const footer = server.faults.add({ operation: 'PutPage' }, internalError());
    await killOnce(path, async () => footer.hits > 3);
    footer.remove();
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    // At most eight of the nine windows, and the footer.
    expect(reads() - before).toBeLessThanOrEqual(36 / 4);
    expectBlobHolds(disk);
  });
});

describe('a run that is killed after it has read back a foreign write', () => {
  it('leaves a checkpoint that does not forget it', async () => {
    const { path, checkpoint } = await makeImage();
    giveNoLeases();
    await uploadAndKill(path);
    expect(await writeUnder(undefined, await doneOffset(checkpoint))).toBe(201);
    const hold = holdReads();
    let saves = 0;
    // A save that started after the difference was found.
    const isSaved = async () => {
      const { mtimeMs } = await stat(checkpoint);
      if (hold.hits > 2) saves += mtimeMs === savedAtMs ? 0 : 1;
      savedAtMs = mtimeMs;
      return saves > 1;
    };
    let savedAtMs = 0;
    // Another kill after everything was sent, so that the rest is unverified as well.
    const footer = server.faults.add({ operation: 'PutPage', range: { offset: SIZE, length: 512 } }, internalError());
    await killOnce(path, async () => (await load(checkpoint)).sent.bytes === ALL_DATA);
    footer.remove();
    await killOnce(path, isSaved);
    hold.remove();
    await expectNoticed(optionsFor(path));
  });
});

describe('a run whose writes cannot be proved later', () => {
  it('saves its checkpoint throughout, also while it waits for the answer to the footer', async () => {
    const { path } = await makeImage();
    giveNoLeases();
    const footer = server.faults.add({ operation: 'PutPage', range: { offset: SIZE, length: 512 } }, internalError());
    let saves = 0;
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'saved' && footer.hits > 0) saves += 1;
      if (saves === 2) footer.remove();
    };
    await uploadImage(optionsFor(path, { onEvent }));
    expect(saves).toBeGreaterThanOrEqual(2);
  });

  it('is already complete if it was killed before it removed its checkpoint, whatever uses the blob by now', async () => {
    const { path, checkpoint } = await makeImage();
    giveNoLeases();
    const rule = server.faults.add({ operation: 'SetBlobMetadata' }, { kind: 'stall-answer' });
    await killOnce(path, async () => rule.hits > 0 && isComplete());
    rule.remove();
    expect(await writeUnder(undefined, 0)).toBe(201);
    const { etag } = server.blob(CONTAINER, BLOB);
    expect(existsSync(checkpoint)).toBe(true);
    expect(await uploadImage(optionsFor(path))).toMatchObject({ alreadyComplete: true, sent: 0, verified: 'none' });
    expect(server.blob(CONTAINER, BLOB).etag).toBe(etag);
    expect(existsSync(checkpoint)).toBe(false);
  });

  it('is resumed if its first write took long and it was killed meanwhile', async () => {
    const { path, disk } = await makeImage();
    await stopAfter(path, giveNoLeases);
    giveNoLeases();
    const rule = server.faults.add({ operation: 'SetBlobMetadata' }, { kind: 'reset-before-read' });
    const run = start([path, sas()]);
    await server.when(() => rule.hits >= 2);
    server.advanceClock(40_000);
    server.faults.add({ operation: 'SetBlobMetadata' }, { kind: 'stall-answer' });
    rule.remove();
    const { etag } = server.blob(CONTAINER, BLOB);
    await server.when(() => server.blob(CONTAINER, BLOB).etag !== etag);
    run.child.kill('SIGKILL');
    await run.ended;
    server.faults.clear();
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
  });

  it('detects that its blob was deleted, also if its checkpoint was rebuilt from the blob and nothing is done', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path);
    await rm(checkpoint);
    const stop = new AbortController();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'start') stop.abort(STOP);
    };
    const options = optionsFor(path, { resumeFromBlob: true, signal: stop.signal, onEvent });
    expect(await failureOf(uploadImage(options))).toBe(STOP);
    const url = server.sasUrl({ container: CONTAINER, blob: BLOB, permissions: 'd' });
    const deleted = await fetch(url, { method: 'DELETE', headers: { 'x-ms-version': '2021-12-02' } });
    expect(deleted.status).toBe(202);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('no longer exists');
  });

  it('names a next step that works if its checkpoint was rebuilt from the blob', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await stopAfter(path);
    await rm(checkpoint);
    const stop = new AbortController();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'start') stop.abort(STOP);
    };
    const options = optionsFor(path, { resumeFromBlob: true });
    expect(await failureOf(uploadImage({ ...options, signal: stop.signal, onEvent }))).toBe(STOP);
    expect(await writeUnder(undefined, 0)).toBe(201);
    expect((await failureOf(uploadImage(options))).message).toContain('--restart --overwrite');
    await uploadImage(optionsFor(path, { restart: true }));
    expectBlobHolds(disk);
  });
});
