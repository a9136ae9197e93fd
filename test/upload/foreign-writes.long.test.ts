// Foreign writes to the blob, during a run and between two runs, are found. Nothing else counts as a foreign write.
import { copyFile, readFile, rm, utimes } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint } from '../../src/state/checkpoint.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import {
  BLOB,
  CONTAINER,
  committed,
  DATA,
  doneOffset,
  expectBlobHolds,
  giveNoLeases,
  holdFrom,
  lease,
  MIB,
  makeImage,
  moveToAnotherMachine,
  nowMs,
  optionsFor,
  SIZE,
  STOP,
  sas,
  server,
  startHere,
  stopAfter,
  uploadAndKill,
  uploadUntil,
  useServer,
  writePage,
  writeUnder,
} from '../support/contested-blob.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

/** The upload is not refused: it reads back unverified data, and finds the foreign write. */
async function expectFound(options: UploadOptions): Promise<void> {
  expect(await failureOf(uploadImage(options))).toMatchObject({
    code: 'VERIFICATION',
    exitCode: 10,
    message: expect.stringContaining('--restart --overwrite'),
  });
  expect(server.blob(CONTAINER, BLOB).metadata.get('vhdup_state')).toBe('failed');
}

describe('a blob whose lease is broken after its uploader was killed', () => {
  it('is read back, whatever the times of blob and checkpoint, and marked as failed after a foreign write', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadAndKill(path);
    server.blob(CONTAINER, BLOB).lease.break(0, server.now().getTime());
    expect(await writePage(await doneOffset(checkpoint), patternOf(9, 512))).toBe(201);
    const later = new Date(Date.now() + 3_600_000);
    await utimes(checkpoint, later, later);
    await expectFound(optionsFor(path));
    for (const verify of [undefined, 'none', 'full'] as const) {
      const failed = await failureOf(uploadImage(optionsFor(path, verify === undefined ? {} : { verify })));
      expect(failed).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining('cannot be trusted') });
    }
    await uploadImage(optionsFor(path, { restart: true }));
    expectBlobHolds(disk);
  });

  it('is still read back after another run that was stopped before it could', async () => {
    const { path, disk } = await makeImage();
    await uploadAndKill(path);
    server.blob(CONTAINER, BLOB).lease.break(0, server.now().getTime());
    await uploadUntil(optionsFor(path), DATA);
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    expectBlobHolds(disk);
  });

  it.each(['none', 'ranges'] as const)('is not read back with --verify %s, with a warning', async (verify) => {
    const { path } = await makeImage();
    await uploadAndKill(path);
    server.blob(CONTAINER, BLOB).lease.break(0, server.now().getTime());
    const messages: string[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning' && event.code === 'unverified') messages.push(event.message);
    };
    expect(await uploadImage(optionsFor(path, { verify, onEvent }))).toMatchObject({ verified: verify });
    expect(messages).toEqual([expect.stringContaining(`--verify ${verify} skips the read-back`)]);
    expect(server.counters.byOperation.get('GetBlob')).toBeUndefined();
  });
});

describe('a lease that was released', () => {
  it.each([
    ['whose release was answered, but the look after it was not', 'GetBlobProperties', 'reset-before-read'],
    ['whose release was carried out, but not answered', 'ReleaseLease', 'reset-after-commit'],
    ['whose release never arrived', 'ReleaseLease', 'reset-before-read'],
  ] as const)('%s, does not stop the next run', async (_, operation, kind) => {
    const { path, disk } = await makeImage();
    const stop = new AbortController();
    const stopped = server.when(committed(3 * DATA)).then(() => {
      server.faults.add({ operation }, { kind });
      stop.abort(new Error('stopped by the test'));
    });
    expect((await failureOf(uploadImage(optionsFor(path, { signal: stop.signal })))).message).toContain('stopped');
    await stopped;
    server.faults.clear();
    const result = await uploadImage(optionsFor(path));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectBlobHolds(disk);
  });

  it('by a run that was stopped before it looked at the blob does not stop the next run', async () => {
    const { path, disk } = await makeImage();
    await uploadAndKill(path);
    const stop = new AbortController();
    server.faults.add({ operation: 'GetPageRanges' }, internalError());
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'retry') stop.abort(new Error('stopped by the test'));
    };
    expect((await failureOf(uploadImage(optionsFor(path, { signal: stop.signal, onEvent })))).message).toContain(
      'stopped',
    );
    server.faults.clear();
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
  });
});

describe('a blob whose lease is broken while an upload runs', () => {
  it.each([true, false])('is read back by the next run (written to: %s)', async (isWritten) => {
    const { path, disk } = await makeImage();
    const hold = holdFrom(16 * MIB);
    const { running, saved } = startHere(optionsFor(path));
    const stopped = failureOf(running);
    await Promise.all([hold.reached, saved]);
    server.blob(CONTAINER, BLOB).lease.break(0, server.now().getTime());
    if (isWritten) expect(await writePage(0, patternOf(9, 512))).toBe(201);
    hold.release();
    expect(await stopped).toMatchObject({ code: 'IN_USE', message: expect.stringContaining('broke its lease') });
    if (isWritten) {
      await expectFound(optionsFor(path));
      await uploadImage(optionsFor(path, { restart: true }));
    } else {
      expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    }
    expectBlobHolds(disk);
  });
});

describe('a blob that something else wrote to between two runs', () => {
  it.each([
    [
      'to a page that was sent already',
      'VERIFICATION',
      async (checkpoint: string) => writePage(await doneOffset(checkpoint), patternOf(9, 512)),
    ],
    ['to a page that is zero in the image', 'VERIFICATION', () => writePage(22 * MIB, patternOf(9, 512))],
    [
      'nothing but metadata',
      undefined,
      async () => {
        const { metadata } = server.blob(CONTAINER, BLOB);
        const headers = Object.fromEntries([...metadata].map(([name, value]) => [`x-ms-meta-${name}`, value]));
        const more = { 'x-ms-version': '2021-12-02', 'x-ms-meta-mine': 'yes' };
        return (await fetch(`${sas()}&comp=metadata`, { method: 'PUT', headers: { ...headers, ...more } })).status;
      },
    ],
  ] as const)('is compared, where it wrote %s', async (_, code, touch) => {
    const { path, checkpoint, disk } = await makeImage();
    await stopAfter(path);
    expect(await touch(checkpoint)).toBeLessThan(300);
    if (code === undefined) {
      expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    } else {
      await expectFound(optionsFor(path));
      await uploadImage(optionsFor(path, { restart: true }));
    }
    expectBlobHolds(disk);
  });

  it('is refused before anything is written if it holds more pages than were sent', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await stopAfter(path, undefined, 32 * MIB);
    expect(await writePage(22 * MIB, patternOf(9, 512))).toBe(201);
    const { etag } = server.blob(CONTAINER, BLOB);
    const refused = await failureOf(uploadImage(optionsFor(path)));
    expect(refused).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining('--restart') });
    expect(server.blob(CONTAINER, BLOB).etag).toBe(etag);
    expect(decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint).done).not.toEqual([]);
    await uploadImage(optionsFor(path, { restart: true }));
    expectBlobHolds(disk);
  });
});

describe('a copy of the checkpoint from before another run', () => {
  it.each([
    ['was stopped', async (path: string) => uploadUntil(optionsFor(path), 2 * DATA)],
    ['was killed', (path: string) => uploadAndKill(path)],
  ])('can be resumed after that run %s, and foreign writes are found', async (_, run) => {
    const { path, checkpoint, disk } = await makeImage();
    // Enough that some of it is acknowledged, with two requests at a time.
    await uploadUntil(optionsFor(path), 4 * DATA);
    const copy = `${checkpoint}.copy`;
    await copyFile(checkpoint, copy);
    await run(path);
    server.advanceClock(61_000);
    await uploadUntil(optionsFor(path, { checkpoint: copy }), DATA);

    const offset = await doneOffset(checkpoint);
    server.advanceClock(61_000);
    expect(await writePage(offset, patternOf(9, 512))).toBe(201);
    await expectFound(optionsFor(path));
    await uploadImage(optionsFor(path, { restart: true }));
    expectBlobHolds(disk);
  });
});

const FOREIGN = '00000000-0000-4000-8000-000000000000';

describe('a foreign write is found', () => {
  it('when the lease had expired while the connection was down, and the run was stopped meanwhile', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path, async () => {
      lease().acquire(lease().id ?? '', 0, nowMs());
      expect(await writeUnder(undefined, await doneOffset(checkpoint))).toBe(201);
      for (const operation of ['RenewLease', 'SetBlobMetadata', 'ReleaseLease', 'GetBlobProperties'] as const)
        server.faults.add({ operation }, { kind: 'reset-before-read' });
    });
    await expectFound(optionsFor(path));
  });

  it('when the lease was broken, and the run was stopped before it noticed', async () => {
    const { path, checkpoint } = await makeImage();
    await stopAfter(path, async () => {
      lease().break(0, nowMs());
      expect(await writeUnder(undefined, await doneOffset(checkpoint))).toBe(201);
    });
    await expectFound(optionsFor(path));
  });

  it('when the lease was broken, and the run noticed only after the minute that it would have lasted', async () => {
    const { path } = await makeImage();
    const hold = holdFrom(16 * MIB);
    const running = failureOf(uploadImage(optionsFor(path)));
    await hold.reached;
    lease().break(0, nowMs());
    expect(await writeUnder(undefined, 0)).toBe(201);
    server.advanceClock(70_000);
    hold.release();
    expect(await running).toMatchObject({ code: 'IN_USE', message: expect.stringContaining('broke its lease') });
  });

  it.each([false, true])('between the look at the blob and its lease (broken: %s)', async (breakLease) => {
    const { path, checkpoint } = await makeImage();
    await uploadUntil(optionsFor(path), 4 * DATA);
    const offset = await doneOffset(checkpoint);
    if (breakLease) lease().acquire(FOREIGN, 60_000, nowMs());
    const rule = server.faults.add({ operation: 'AcquireLease' }, internalError());
    let written: Promise<number> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'retry') return;
      written ??= writeUnder(breakLease ? FOREIGN : undefined, offset).finally(() => rule.remove());
    };
    await expectFound(optionsFor(path, { onEvent, breakLease }));
    expect(await written).toBe(201);
  });

  it('between the release of the lease and its answer', async () => {
    const { path, checkpoint } = await makeImage();
    let written: Promise<number> | undefined;
    await stopAfter(path, async () => {
      const offset = await doneOffset(checkpoint);
      server.faults.add({ operation: 'ReleaseLease' }, { kind: 'delay-answer', delayMs: 300 });
      written = server.when(() => lease().state(nowMs()) === 'available').then(() => writeUnder(undefined, offset));
    });
    expect(await written).toBe(201);
    await expectFound(optionsFor(path));
  });

  it('when the run was killed between the release of the lease and its last save', async () => {
    const { path, checkpoint } = await makeImage();
    const copy = `${checkpoint}.copy`;
    let copied: Promise<void> | undefined;
    await stopAfter(path, () => {
      server.faults.add({ operation: 'ReleaseLease' }, { kind: 'delay-answer', delayMs: 300 });
      // The state after a kill.
      copied = server.when(() => lease().state(nowMs()) === 'available').then(() => copyFile(checkpoint, copy));
    });
    await copied;
    await copyFile(copy, checkpoint);
    expect(await writeUnder(undefined, await doneOffset(checkpoint))).toBe(201);
    await expectFound(optionsFor(path));
  });

  it('by a program that held the blob when another machine looked, and released it before that machine took over', async () => {
    const { path, checkpoint } = await makeImage();
    await uploadAndKill(path);
    await moveToAnotherMachine(checkpoint);
    server.advanceClock(61_000);
    lease().acquire(FOREIGN, 60_000, nowMs());
    expect(await writeUnder(FOREIGN, await doneOffset(checkpoint))).toBe(201);
    expect(await failureOf(uploadImage(optionsFor(path)))).toMatchObject({ code: 'IN_USE' });
    lease().release(FOREIGN, nowMs());
    await expectFound(optionsFor(path));
  });

  it('after a kill, if the service no longer supports leases', async () => {
    const { path, checkpoint } = await makeImage();
    await uploadAndKill(path);
    server.advanceClock(3_600_000);
    expect(await writeUnder(undefined, await doneOffset(checkpoint))).toBe(201);
    giveNoLeases();
    await expectFound(optionsFor(path));
  });

  it('by a full verification that was stopped, and no later run forgets it', async () => {
    const { path } = await makeImage();
    const stop = new AbortController();
    let written: Promise<number> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'phase' || event.phase !== 'verifying') return;
      const hold = server.faults.add(
        { operation: 'GetBlob', range: { offset: 30 * MIB, length: SIZE } },
        internalError(),
      );
      written = writeUnder(lease().id, 0).finally(() => list.remove());
      void server.when(() => hold.hits > 5).then(() => stop.abort(STOP));
    };
    // The damage comes first.
    const list = server.faults.add({ operation: 'GetPageRanges' }, internalError());
    const options = optionsFor(path, { verify: 'full', threads: 1, signal: stop.signal, onEvent });
    expect(await failureOf(uploadImage(options))).toMatchObject({ code: 'VERIFICATION' });
    expect(await written).toBe(201);
    server.faults.clear();
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('cannot be trusted');
  });
});

describe('faults and stops do not stop the next run', () => {
  it.each(['GetPageRanges', 'SetBlobMetadata'] as const)('with resume-from-blob, stopped in %s', async (operation) => {
    const { path, checkpoint, disk } = await makeImage();
    await uploadUntil(optionsFor(path), 4 * DATA);
    await rm(checkpoint);
    server.faults.add({ operation }, internalError());
    const stop = new AbortController();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'retry') stop.abort(STOP);
    };
    const resumed = optionsFor(path, { resumeFromBlob: true });
    expect(await failureOf(uploadImage({ ...resumed, signal: stop.signal, onEvent }))).toBe(STOP);
    server.faults.clear();
    await uploadImage(resumed);
    expectBlobHolds(disk);
  });

  it('when the renewed lease of the previous run expires before it is changed', async () => {
    const { path, disk } = await makeImage();
    await uploadAndKill(path);
    const rule = server.faults.add({ operation: 'ChangeLease' }, internalError());
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'retry' || rule.hits !== 1) return;
      server.advanceClock(61_000);
      rule.remove();
    };
    await uploadImage(optionsFor(path, { onEvent }));
    expectBlobHolds(disk);
  });

  it('when the answer to Change Lease is lost, and the connection is down for longer than the lease lasts', async () => {
    const { path, disk } = await makeImage();
    await uploadAndKill(path);
    server.faults.add({ operation: 'ChangeLease', times: 1 }, { kind: 'reset-after-commit' });
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'retry') server.advanceClock(61_000);
    };
    await uploadImage(optionsFor(path, { onEvent }));
    expectBlobHolds(disk);
  });

  it('with a copy of the checkpoint from the middle of the last run, which then stopped cleanly', async () => {
    const { path, checkpoint, disk } = await makeImage();
    const copy = `${checkpoint}.copy`;
    await stopAfter(path, () => copyFile(checkpoint, copy));
    await uploadImage(optionsFor(path, { checkpoint: copy }));
    expectBlobHolds(disk);
  });

  it('after a restart that was refused', async () => {
    const { path, disk } = await makeImage();
    await uploadAndKill(path);
    server.faults.add({ operation: 'PutBlob', times: 1 }, { kind: 'status', status: 412, code: 'ConditionNotMet' });
    expect(await failureOf(uploadImage(optionsFor(path, { restart: true })))).toMatchObject({ code: 'DESTINATION' });
    await uploadImage(optionsFor(path));
    expectBlobHolds(disk);
  });
});

function isPhase(event: UploadEvent, phase: string): boolean {
  return event.type === 'phase' && event.phase === phase;
}

describe('a service without leases', () => {
  it.each([
    ['while it sends', 'sending', undefined, 'VERIFICATION'],
    ['after everything was sent', 'finishing', undefined, 'VERIFICATION'],
    ['to the footer', 'verifying', undefined, 'VERIFICATION'],
    ['while it sends, and with --verify ranges nothing shows it', 'sending', 'ranges', undefined],
  ] as const)('a foreign write during the run is found: %s', async (_, phase, verify, code) => {
    const { path } = await makeImage();
    giveNoLeases();
    let written: Promise<number> | undefined;
    const offset = phase === 'verifying' ? SIZE : 0;
    let sent = 0;
    const codes: string[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning') codes.push(event.code);
      // After a save of sent data. With one request at a time, the first page is sent first.
      const isReached = phase === 'sending' ? sent > 0 && event.type === 'saved' : isPhase(event, phase);
      if (event.type === 'progress') sent = event.sent;
      if (isReached) written ??= writeUnder(undefined, offset);
    };
    // The delay lets the foreign write finish before the read-back.
    server.faults.add({ operation: 'GetPageRanges', times: 3 }, { kind: 'delay-answer', delayMs: 200 });
    const ended = uploadImage(optionsFor(path, { threads: 1, onEvent, ...(verify === undefined ? {} : { verify }) }));
    if (code === undefined) expect(await ended).toMatchObject({ verified: verify });
    else expect(await failureOf(ended)).toMatchObject({ code });
    expect(await written).toBe(201);
    expect(codes).toContain('no-lease');
    expect(codes).toContain('unverified');
  });

  it('a foreign write between the read-back and the end is found, because the blob is read back again', async () => {
    const { path } = await makeImage();
    giveNoLeases();
    let written: Promise<number> | undefined;
    const rule = server.faults.add({ operation: 'SetBlobMetadata' }, internalError());
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'retry') written ??= writeUnder(undefined, 0).finally(() => rule.remove());
    };
    const ended = await failureOf(
      uploadImage(optionsFor(path, { ...{ retryDelayMs: 200, maxRetryDelayMs: 200 }, onEvent })),
    );
    expect(ended).toMatchObject({ code: 'VERIFICATION' });
    expect(await written).toBe(201);
    expect((await failureOf(uploadImage(optionsFor(path)))).message).toContain('cannot be trusted');
  });

  it('is complete although the answer that says so was lost', async () => {
    const { path, disk } = await makeImage();
    giveNoLeases();
    server.faults.add({ operation: 'SetBlobMetadata', nth: 1 }, { kind: 'reset-after-commit' });
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
    expectBlobHolds(disk);
  });

  it('does not write metadata to a blob that replaced it at the very end', async () => {
    const { path } = await makeImage();
    giveNoLeases();
    const looks = () => server.counters.byOperation.get('GetBlobProperties') ?? 0;
    let replaced: Promise<unknown> | undefined;
    const onEvent = (event: UploadEvent) => {
      if (event.type !== 'phase' || event.phase !== 'finishing') return;
      const before = looks();
      server.faults.add({ operation: 'GetBlobProperties' }, { kind: 'delay-answer', delayMs: 300 });
      replaced = server.when(() => looks() > before).then(() => server.createPageBlob(CONTAINER, BLOB, 8 * MIB));
    };
    expect(await failureOf(uploadImage(optionsFor(path, { verify: 'none', onEvent })))).toMatchObject({
      code: 'DESTINATION',
    });
    await replaced;
    expect([...server.blob(CONTAINER, BLOB).metadata.keys()]).toEqual([]);
  });
});
