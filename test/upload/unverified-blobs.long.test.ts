// Blobs without proof that only their upload has written to them: the upload resumes, and reads back unverified data.
import { existsSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import {
  BLOB,
  CONTAINER,
  DATA,
  doneOffset,
  expectBlobHolds,
  expectNoticed,
  giveNoLeases,
  holdFrom,
  isComplete,
  lease,
  MIB,
  makeImage,
  nowMs,
  optionsFor,
  reads,
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
    // The last request of the killed run may arrive while this one reads: then it reads again.
    const isRepeated = warnings.includes('modified-meanwhile');
    // Nine windows and the footer.
    const all = 36 / 4 + 1;
    if (hasLease) expect(reads(), 'what this run sent under its lease is not read').toBeLessThan(all);
    else if (isRepeated) expect(reads()).toBeGreaterThan(all);
    else expect(reads(), 'nothing prevented foreign writes to what this run sent').toBe(all);
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
    const cutOff = server.faults.add({ operation: 'AcquireLease' }, { kind: 'reset-before-read' });
    server.faults.add({ operation: 'AcquireLease' }, { kind: 'reset-after-commit' });
    const before = async () => {
      expect(await writeUnder(undefined, offset)).toBe(201);
      cutOff.remove();
      await server.when(() => lease().state(nowMs()) === 'leased');
    };
    await stopOnRetry(optionsFor(path), before);
    await expectNoticed(optionsFor(path));
  });

  it('would have read back everything, and is stopped before it has listed the pages', async () => {
    const { path, checkpoint } = await makeImage();
    giveNoLeases();
    await uploadAndKill(path);
    server.faults.clear();
    const offset = await doneOffset(checkpoint);
    const cutOff = server.faults.add({ operation: 'AcquireLease' }, { kind: 'reset-before-read' });
    const looks = server.faults.add({ operation: 'GetPageRanges' }, internalError());
    const before = async () => {
      expect(await writeUnder(undefined, offset)).toBe(201);
      cutOff.remove();
      await server.when(() => looks.hits > 0);
    };
    await stopOnRetry(optionsFor(path, { verify: 'full' }), before);
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
    const cutOff = server.faults.add({ operation: 'AcquireLease' }, { kind: 'reset-before-read' });
    let written: Promise<number> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'retry') return;
      written ??= writePage(offset, disk.subarray(offset, offset + 512)).finally(() => cutOff.remove());
    };
    expect(await uploadImage(optionsFor(path, { onEvent }))).toMatchObject({ verified: 'unverified' });
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
    let letFail: (() => void) | undefined;
    const until = new Promise<void>((resolve) => {
      letFail = resolve;
    });
    server.faults.add({ operation: 'SetBlobMetadata', nth: 1 }, { kind: 'reset-before-read', until });
    const marks = () => server.counters.byOperation.get('SetBlobMetadata') ?? 0;
    const before = marks();
    const hold = holdFrom(16 * MIB);
    if (isCompleted) hold.release();
    const ended = uploadImage(optionsFor(path)).catch((error: unknown) => error);
    await server.when(() => marks() > before);
    // All other connections work.
    const other = uploadImage(optionsFor(path, { checkpoint: copy, verify: 'none' }));
    await (isCompleted ? other : hold.reached);
    letFail?.();
    expect(await ended).toMatchObject(
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
