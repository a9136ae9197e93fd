// Uploads that read back what may have been overwritten, while they are killed and others write.
import { existsSync } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { decodeCheckpoint } from '../../src/state/checkpoint.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import {
  ALL_DATA,
  BLOB,
  CONTAINER,
  doneOffset,
  expectBlobHolds,
  expectNoticed,
  giveNoLeases,
  holdFrom,
  isComplete,
  killWhen,
  lease,
  MIB,
  makeImage,
  optionsFor,
  reads,
  SIZE,
  STOP,
  sas,
  server,
  start,
  stopAfter,
  uploadAndKill,
  useServer,
  writePage,
  writeUnder,
} from '../support/contested-blob.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

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
    const running = uploadImage(optionsFor(path));
    await server.when(() => hold.hits > 0);
    expect(await writePage(0, disk.subarray(0, 512), { 'x-ms-lease-id': lease().id ?? '' })).toBe(201);
    hold.remove();
    expect(await running).toMatchObject({ verified: 'unverified' });
    expectBlobHolds(disk);
  });

  it('by the last request of a run that was killed is compared again, and it is a warning', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    const hold = holdReads();
    const warnings: string[] = [];
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'warning') warnings.push(event.code);
    };
    const running = uploadImage(optionsFor(path, { onEvent }));
    await server.when(() => hold.hits > 0);
    expect(await writePage(0, disk.subarray(0, 512))).toBe(201);
    hold.remove();
    expect(await running).toMatchObject({ verified: 'unverified' });
    expect(warnings.filter((code) => code === 'modified-meanwhile')).toHaveLength(1);
    expectBlobHolds(disk);
  });

  it('leaves a manifest that ends once, however often it is compared', async () => {
    const { path, disk } = await makeImage();
    giveNoLeases();
    const manifest = `${path}.manifest`;
    const mark = server.faults.add(
      { operation: 'SetBlobMetadata', nth: 1 },
      { kind: 'status', status: 412, code: 'ConditionNotMet' },
    );
    await uploadImage(optionsFor(path, { manifest }));
    expect(mark.hits).toBe(1);
    const lines = (await readFile(manifest, 'utf8')).split('\n');
    expect(lines.filter((line) => line.includes('"footer"'))).toHaveLength(1);
    expectBlobHolds(disk);
  });

  it('by something that writes other bytes is found by the comparison that follows', async () => {
    const { path, checkpoint } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    const hold = holdReads();
    const running = failureOf(uploadImage(optionsFor(path)));
    await server.when(() => hold.hits > 0);
    expect(await writeUnder(undefined, 0)).toBe(201);
    hold.remove();
    expect(await running).toMatchObject({ code: 'VERIFICATION' });
    expect(isComplete()).toBe(false);
  });

  it('by something that keeps writing ends the run, and a later one completes', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await killBeforeFooter(path, checkpoint);
    const fault = { kind: 'status', status: 412, code: 'ConditionNotMet' } as const;
    const rule = server.faults.add({ operation: 'GetBlob', range: { offset: 20 * MIB, length: SIZE } }, fault);
    const failure = await failureOf(uploadImage(optionsFor(path)));
    expect(failure).toMatchObject({ code: 'DESTINATION', message: expect.stringContaining('keeps writing') });
    rule.remove();
    expect(await uploadImage(optionsFor(path))).toMatchObject({ verified: 'unverified' });
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
