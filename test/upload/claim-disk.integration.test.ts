// Whose disk it is: checkpoints of other targets, disks that others change, and stops between any two requests.
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CheckpointError, ImageChangedError, InUseError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import type { NewDisk, UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint } from '../../src/state/checkpoint.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { callsOf, diskThere, NAME, newDiskOptions, servers, useManagedDisks } from '../support/disk-upload.ts';
import { buildImage, expectBlobIs, PIECE, spreadDisk, type TestDisk } from '../support/spread-disk.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const DISK = spreadDisk(6);
/** Another version of the same machine: data in the same places. */
const OTHER_DISK = spreadDisk(6, 2);
const STOP = new Error('stopped by the test');

useManagedDisks();

afterEach(() => expect(servers.violations).toEqual([]));

async function makeImage(disk: TestDisk = DISK) {
  const path = await buildImage(disk);
  return { path, checkpoint: `${path}.vhdup.json` };
}

function expectFinished(disk: TestDisk = DISK): void {
  expect(diskThere().state).toBe('Unattached');
  expectBlobIs(disk, diskThere().content);
}

/** Runs until some windows are done and stops in an orderly way. */
async function stopOnce(path: string, more: Partial<UploadOptions> = {}, disk: Partial<NewDisk> = {}): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.sent > 2 * PIECE) stop.abort(STOP);
  };
  expect(await failureOf(uploadImage(newDiskOptions(path, { signal: stop.signal, onEvent, ...more }, disk)))).toBe(
    STOP,
  );
}

/** Calls `act` once, when the upload enters a phase. */
function atPhase(phase: string, act: () => void): (event: UploadEvent) => void {
  let hasActed = false;
  return (event) => {
    if (event.type !== 'phase' || event.phase !== phase || hasActed) return;
    hasActed = true;
    act();
  };
}

/** Writes a page as another program with access to the disk does. */
function writeForeign(): void {
  const { pages } = diskThere();
  if (pages === undefined) throw new Error('Nobody has access to the disk.');
  servers.disks.writePages(pages, 0, patternOf(99, 512));
}

/** The checkpoint of a run that was killed after it had asked for the end of the access. */
async function uploadAndKeepCheckpoint({ path, checkpoint }: { path: string; checkpoint: string }): Promise<void> {
  let text = '';
  const onEvent = atPhase('committing', () => {
    // At once: the run removes it soon.
    text = readFileSync(checkpoint, 'utf8');
  });
  await uploadImage(newDiskOptions(path, { onEvent }));
  expect(decodeCheckpoint(text, checkpoint).disk).toMatchObject({ finishing: true });
  await writeFile(checkpoint, text);
}

describe('the checkpoint of an upload to something else', () => {
  it('is kept, and no disk is created, unless --restart discards it', async () => {
    const { path, checkpoint } = await makeImage();
    servers.arm.resources.createDisk({ name: 'other', uploadSizeBytes: DISK.size + 512 });
    const destination = servers.arm.resources.grantAccess('other', 'Write', 3600);
    const stop = new AbortController();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'progress' && event.sent > 2 * PIECE) stop.abort(STOP);
    };
    const toUrl = { image: path, destination, threads: 1, signal: stop.signal, onEvent };
    expect(await failureOf(uploadImage(toUrl))).toBe(STOP);
    const saved = await readFile(checkpoint, 'utf8');
    const failure = await failureOf(uploadImage(newDiskOptions(path)));
    expect(failure).toBeInstanceOf(CheckpointError);
    expect(failure.message).toContain('--checkpoint');
    expect(await readFile(checkpoint, 'utf8')).toBe(saved);
    expect(servers.calls.filter((call) => call.startsWith('arm'))).toEqual([]);
    await uploadImage(newDiskOptions(path, { restart: true }));
    expectFinished();
  });

  it('is found for the same disk in another spelling', async () => {
    const { path } = await makeImage();
    await stopOnce(path);
    const result = await uploadImage(newDiskOptions(path, { resourceGroup: 'RG' }, { name: NAME.toUpperCase() }));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectFinished();
    expect(callsOf('arm PutDisk')).toBe(1);
  });
});

describe('an image that has changed', () => {
  it('is not reported as finished because the disk of the earlier image is', async () => {
    const { path, checkpoint } = await makeImage();
    await uploadAndKeepCheckpoint({ path, checkpoint });
    const { path: changed } = await makeImage(OTHER_DISK);
    await writeFile(path, await readFile(changed));
    expect(await failureOf(uploadImage(newDiskOptions(path)))).toBeInstanceOf(ImageChangedError);
    expect(existsSync(checkpoint)).toBe(true);
  });

  it('gets no disk for the upload that was killed before its disk was created', async () => {
    const { path, checkpoint } = await makeImage();
    servers.arm.faults.add({ operation: 'PutDisk' }, { kind: 'answer', status: 503 });
    await failureOf(uploadImage(newDiskOptions(path, { retries: 0 })));
    expect(existsSync(checkpoint)).toBe(true);
    servers.arm.faults.clear();
    const { path: changed } = await makeImage(OTHER_DISK);
    await writeFile(path, await readFile(changed));
    expect(await failureOf(uploadImage(newDiskOptions(path)))).toBeInstanceOf(ImageChangedError);
    expect(servers.arm.resources.findDisk(NAME)).toBeUndefined();
  });
});

describe('a disk that the service refuses to create', () => {
  it('leaves no checkpoint that would forbid another name', async () => {
    const { path, checkpoint } = await makeImage();
    servers.arm.resources.state.unavailableSkus.add('Standard_LRS');
    const failure = await failureOf(uploadImage(newDiskOptions(path, {}, { name: 'first' })));
    expect(failure.message).toContain('SkuNotAvailable');
    expect(existsSync(checkpoint)).toBe(false);
    await uploadImage(newDiskOptions(path, {}, { sku: 'StandardSSD_LRS' }));
    expectFinished();
  });

  it('leaves the checkpoint that --restart wanted to replace', async () => {
    const { path, checkpoint } = await makeImage();
    await stopOnce(path);
    const saved = decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint);
    servers.arm.resources.state.unavailableSkus.add('Standard_LRS');
    await failureOf(uploadImage(newDiskOptions(path, { restart: true }, { name: 'another' })));
    expect(decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint)).toEqual(saved);
    const result = await uploadImage(newDiskOptions(path));
    expect(result.sentBefore).toBeGreaterThan(0);
    expectFinished();
  });
});

describe('a disk that is still being created', () => {
  /** What the service shows of it. */
  const unfinished = () => {
    const { id, name, location, body } = diskThere();
    const { tags, properties } = body;
    return JSON.stringify({ id, name, location, tags, properties: { ...properties, provisioningState: 'Updating' } });
  };

  it('is waited for by the upload that creates it', async () => {
    const { path } = await makeImage();
    servers.arm.faults.add({ operation: 'PutDisk', nth: 1 }, { kind: 'reset-after-commit' });
    await failureOf(uploadImage(newDiskOptions(path, { retries: 0 })));
    servers.arm.faults.add({ operation: 'GetDisk', nth: 1 }, { kind: 'answer', status: 200, body: unfinished() });
    await uploadImage(newDiskOptions(path));
    expectFinished();
  });

  it('is not called unfinished or in the way by another upload, which may try again', async () => {
    const { path } = await makeImage();
    servers.arm.resources.createDisk({
      name: NAME,
      uploadSizeBytes: DISK.size + 512,
      tags: { 'vhdup-upload-id': 'x' },
    });
    servers.arm.faults.add({ operation: 'GetDisk', nth: 1 }, { kind: 'answer', status: 200, body: unfinished() });
    const failure = await failureOf(uploadImage(newDiskOptions(path)));
    expect(failure).toBeInstanceOf(InUseError);
    expect(failure.message).toContain('is being created or changed (provisioning Updating)');
  });
});

describe('a run that was killed while the access ends', () => {
  it('is finished by the next ones, and none of them calls the disk unfinished', async () => {
    const { path, checkpoint } = await makeImage();
    servers.arm.setLongRunning({ mode: 'polled', delayMs: 60_000 }, 'EndGetAccess');
    const stop = new AbortController();
    const stopping = servers.arm.when(() => callsOf('arm EndGetAccess') > 0).then(() => stop.abort(STOP));
    expect(await failureOf(uploadImage(newDiskOptions(path, { signal: stop.signal })))).toBe(STOP);
    await stopping;
    const grants = callsOf('arm BeginGetAccess');
    const ending = servers.arm
      .when(() => callsOf('arm BeginGetAccess') > grants)
      .then(() => servers.advanceClock(60_000));
    const failure = await failureOf(uploadImage(newDiskOptions(path)));
    await ending;
    expect(failure).toBeInstanceOf(InUseError);
    expect(failure.message).toContain('was finished just now');
    expect(await uploadImage(newDiskOptions(path))).toMatchObject({ alreadyComplete: true });
    expect(existsSync(checkpoint)).toBe(false);
    expectFinished();
  });
});

describe('a disk that is taken from another upload', () => {
  it('keeps its type, its options and its tags', async () => {
    const first = await makeImage();
    await stopOnce(first.path, {}, { sku: 'Premium_LRS', tags: { owner: 'me' } });
    const { path } = await makeImage(OTHER_DISK);
    await uploadImage(newDiskOptions(path, { overwrite: true }));
    expectFinished(OTHER_DISK);
    expect(diskThere().body.sku).toEqual({ name: 'Premium_LRS' });
    expect(diskThere().body.tags).toMatchObject({ owner: 'me' });
    expect(callsOf('arm PutDisk')).toBe(1);
  });

  it('is read back, because the other upload may have written to it until it noticed', async () => {
    const first = await makeImage();
    await stopOnce(first.path);
    const { path } = await makeImage(OTHER_DISK);
    const onEvent = atPhase('finishing', writeForeign);
    const failure = await failureOf(uploadImage(newDiskOptions(path, { overwrite: true, onEvent })));
    expect(failure).toMatchObject({ exitCode: 10 });
    expect(diskThere().state).toBe('ActiveUpload');
    expect(callsOf('arm EndGetAccess')).toBe(0);
  });

  it('is read back also after a stop', async () => {
    const first = await makeImage();
    await stopOnce(first.path);
    const { path } = await makeImage(OTHER_DISK);
    await stopOnce(path, { overwrite: true });
    expect(await uploadImage(newDiskOptions(path))).toMatchObject({ verified: 'unverified' });
    expectFinished(OTHER_DISK);
  });

  it('is left to it if the tag cannot be changed: otherwise either could commit what the other has written', async () => {
    const first = await makeImage();
    await stopOnce(first.path);
    servers.arm.behaviour.patchDuringUpload = 'conflict';
    const { path } = await makeImage(OTHER_DISK);
    const failure = await failureOf(uploadImage(newDiskOptions(path, { overwrite: true })));
    expect(failure.message).toContain('cannot be taken from the upload that is writing to it');
    expect(failure.message).toContain(`vhdup disk abort ${NAME}`);
    expect(failure).toMatchObject({ exitCode: 6 });
    await uploadImage(newDiskOptions(first.path));
    expectFinished();
  });

  it('is resumed without its checkpoint under its own tag if the tag cannot be changed', async () => {
    const { path, checkpoint } = await makeImage();
    await stopOnce(path);
    await rm(checkpoint);
    servers.arm.behaviour.patchDuringUpload = 'conflict';
    expect(await uploadImage(newDiskOptions(path, { resumeFromBlob: true }))).toMatchObject({ verified: 'unverified' });
    expectFinished();
  });
});

describe('a disk in which something else has written other pages', () => {
  it('is sent again and read back, because that program may still write', async () => {
    const { path } = await makeImage();
    await stopOnce(path);
    const { pages } = diskThere();
    if (pages !== undefined) servers.disks.writePages(pages, 1024 * 1024, patternOf(9, 4096));
    expect(await uploadImage(newDiskOptions(path))).toMatchObject({ verified: 'unverified' });
    expectFinished();
  });
});
