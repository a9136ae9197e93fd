import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LinkedAbort } from '../../src/base/linked-abort.ts';
import {
  CheckpointError,
  CredentialError,
  DestinationError,
  ImageChangedError,
  ServiceError,
} from '../../src/errors.ts';
import type { DiskImage, ImageFileIdentity } from '../../src/image/disk-image.ts';
import { asFixedVhd } from '../../src/image/fixed-vhd-view.ts';
import { BlobLifecycle } from '../../src/remote/blob-lifecycle.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { beginRun, endRun, type Owner } from '../../src/state/lease-holder.ts';
import { emptyCheckpoint, leaseOf, type SessionRequest } from '../../src/upload/context.ts';
import { openSession } from '../../src/upload/session.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const IDENTITY: ImageFileIdentity = {
  path: 'disk.vhd',
  name: 'disk.vhd',
  size: 8 * MIB,
  modifiedMs: 1_767_225_600_123,
  diskId: 'a1'.repeat(16),
};

/** The identity in a checkpoint, which has no path. */
function remembered({ path: _, ...identity }: ImageFileIdentity) {
  return identity;
}

/** An image whose disk cannot be read, because no session reads it. */
function imageOf(files: readonly ImageFileIdentity[] = [IDENTITY], size = 8 * MIB): DiskImage {
  return {
    path: 'disk.vhd',
    format: 'vhd-dynamic',
    size,
    diskId: new Uint8Array(16).fill(0xa1),
    timestamp: 0,
    files,
    async *extents() {
      yield await Promise.resolve({ offset: 0, length: size });
    },
    read: () => Promise.reject(new Error('A session must not read the disk.')),
    assertUnchanged: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** What differs from the default request of a test. */
type Asked = Partial<Omit<SessionRequest, 'lifecycle' | 'store'>> & { readonly blob?: MemoryPageBlob };

interface World {
  readonly blob: MemoryPageBlob;
  readonly file: CheckpointFile;
  readonly signal: AbortSignal;
  /** Opens a session as another run of the program would. */
  readonly open: (request?: Asked) => ReturnType<typeof openSession>;
  /** Starts an upload and leaves it when one window is done. */
  readonly beginAndStop: () => Promise<void>;
  readonly abort: (reason: unknown) => void;
}

/** Puts another blob in place after the first look. */
function replaceAfterLook(blob: MemoryPageBlob): void {
  const properties = blob.properties.bind(blob);
  blob.properties = async (signal) => {
    const seen = await properties(signal);
    blob.properties = properties;
    blob.put({ size: 8192 });
    return seen;
  };
}

/** Lets another program acquire a lease on the blob after the first look. */
function leaseAfterLook(blob: MemoryPageBlob): void {
  const properties = blob.properties.bind(blob);
  blob.properties = async (signal) => {
    const seen = await properties(signal);
    blob.lease.break(0, Date.now());
    blob.lease.acquire('00000000-0000-4000-8000-000000000000', 60_000, Date.now());
    blob.properties = properties;
    return seen;
  };
}

/** Makes every change of the file fail after the first one, as on a full disk. */
function failAfterFirstSave(file: CheckpointFile): void {
  const save = file.save.bind(file);
  let saves = 0;
  file.save = (state) => (++saves === 1 ? save(state) : Promise.reject(new CheckpointError('The disk is full.')));
  file.remove = () => Promise.reject(new CheckpointError('The folder is read-only.'));
}

async function makeWorld(): Promise<World> {
  const controller = new AbortController();
  const blob = new MemoryPageBlob();
  const file = new CheckpointFile(join(await temporaryFolder(), 'disk.vhd.vhdup.json'));
  let lastRun: { readonly owner: Owner; readonly stop: LinkedAbort } | undefined;
  /** Ends the previous run as if it had been killed. */
  const requestOf = ({ blob: asked, ...request }: Asked): SessionRequest => {
    const image = request.image ?? imageOf();
    const on = asked ?? blob;
    const store = retrying(on);
    if (lastRun !== undefined) endRun(lastRun.owner);
    lastRun?.stop.unlink();
    const owner = beginRun();
    const stop = new LinkedAbort(request.signal ?? controller.signal);
    lastRun = { owner, stop };
    const { signal } = stop;
    return {
      image,
      source: asFixedVhd(image),
      given: {},
      store,
      targetUrl: store.url,
      lifecycle: new BlobLifecycle({ blob: on, store, owner, emit: () => undefined, signal, onLost: () => undefined }),
      file,
      access: { mayWrite: true },
      owner,
      signal,
      overwrite: false,
      restart: false,
      createContainer: false,
      deleteSnapshots: false,
      resumeFromBlob: false,
      breakLease: false,
      trustUnmarkedSectors: false,
      metadata: {},
      emit: () => undefined,
      ...request,
    };
  };
  const open = (request: Asked = {}) => openSession(requestOf(request));
  return {
    blob,
    file,
    signal: controller.signal,
    open,
    beginAndStop: async () => {
      const request = requestOf({});
      const session = await openSession(request);
      const lease = leaseOf(request.owner, request.lifecycle.isHeld);
      await file.save({ ...emptyCheckpoint(session, request), lease, done: [{ offset: 0, length: 4 * MIB }] });
    },
    abort: (reason) => controller.abort(reason),
  };
}

describe('openSession, the first time', () => {
  it('creates a blob with the metadata of the upload, and a checkpoint', async () => {
    const { open, blob, file } = await makeWorld();
    const session = await open({ metadata: { owner: 'me' } });
    expect(session.earlier).toBeUndefined();
    expect(blob.blob).toMatchObject({
      type: 'PageBlob',
      size: 8 * MIB + 512,
      metadata: {
        owner: 'me',
        vhdup_upload_id: session.uploadId,
        vhdup_state: 'uploading',
        vhdup_source_format: 'vhd-dynamic',
        vhdup_source_size: String(8 * MIB),
      },
    });
    expect(await file.load()).toMatchObject({
      uploadId: session.uploadId,
      image: [remembered(IDENTITY)],
      diskSize: 8 * MIB,
      blobSize: 8 * MIB + 512,
      blobUrl: blob.address.url,
      done: [],
    });
  });

  it('guards every write with a sequence number of its own', async () => {
    const { open, blob } = await makeWorld();
    await open();
    expect(blob.guard).toBeDefined();
    expect(blob.guard).toBe(blob.blob?.sequenceNumber);
    expect(Number.isSafeInteger(blob.guard)).toBe(true);
    const other = await makeWorld();
    await other.open();
    expect(other.blob.guard).not.toBe(blob.guard);
  });

  it('creates the container only if asked to, and only if there is no blob', async () => {
    const first = await makeWorld();
    await first.open();
    expect(first.blob.operations).not.toContain('createContainer');
    const second = await makeWorld();
    await second.open({ createContainer: true });
    expect(second.blob.operations).toEqual(['properties', 'createContainer', 'create', 'acquireLease']);
  });

  it.each(['BlockBlob', 'AppendBlob'] as const)('never replaces a %s, even with overwrite', async (type) => {
    const { open, blob, file } = await makeWorld();
    blob.put({ type, size: 77 });
    const error = await failureOf(open({ overwrite: true }));
    expect(error).toBeInstanceOf(DestinationError);
    expect(error.message).toContain(`of type ${type} (77 bytes)`);
    expect(blob.operations).not.toContain('create');
    expect(await file.load()).toBeUndefined();
  });

  it('does not replace an existing blob, and leaves no checkpoint', async () => {
    const { open, blob, file } = await makeWorld();
    blob.put({ size: 4096 });
    const error = await failureOf(open());
    expect(error).toBeInstanceOf(DestinationError);
    expect(error.message).toContain('a PageBlob of 4096 bytes already exists');
    expect(error.message).toContain('--overwrite');
    expect(blob.blob?.size).toBe(4096);
    expect(await file.load()).toBeUndefined();
  });

  it('recognises the unfinished upload of another machine, and says so', async () => {
    const { open, blob } = await makeWorld();
    blob.put({ size: 4096, metadata: { vhdup_state: 'uploading', vhdup_upload_id: 'another' } });
    expect((await failureOf(open())).message).toContain('an unfinished upload by vhdup');
  });

  it('replaces a page blob with overwrite', async () => {
    const { open, blob } = await makeWorld();
    blob.put({ size: 4096, metadata: { old: 'yes' } });
    const session = await open({ overwrite: true });
    expect(blob.blob).toMatchObject({ size: 8 * MIB + 512, metadata: { vhdup_upload_id: session.uploadId } });
    expect(blob.blob?.metadata).not.toHaveProperty('old');
  });

  it('may still replace the blob, without overwrite, after a kill before the replacement', async () => {
    const { open, blob } = await makeWorld();
    blob.put({ size: 4096 });
    blob.failOnce('create', new Error('killed'));
    await failureOf(open({ overwrite: true }));
    const session = await open();
    expect(blob.blob?.metadata['vhdup_upload_id']).toBe(session.uploadId);
  });

  it('does not replace, even with overwrite, a blob that appeared after the first look', async () => {
    const { open, blob } = await makeWorld();
    blob.put({ size: 4096 });
    replaceAfterLook(blob);
    expect(await failureOf(open({ overwrite: true }))).toBeInstanceOf(DestinationError);
    expect(blob.blob?.size).toBe(8192);
  });

  it('leaves a blob alone that another program created first', async () => {
    const { open, blob, file } = await makeWorld();
    replaceAfterLook(blob);
    const error = await failureOf(open());
    expect(error.message).toContain('a PageBlob of 8192 bytes already exists');
    expect(blob.blob?.size).toBe(8192);
    expect(await file.load()).toBeUndefined();
  });

  it('recognises its blob if the answer to Put Blob was lost', async () => {
    const { open, blob } = await makeWorld();
    blob.failOnce('create', new ServiceError('reset', { reason: 'ECONNRESET', transient: true }), 'after');
    const session = await open();
    expect(blob.blob?.metadata['vhdup_upload_id']).toBe(session.uploadId);
    expect(blob.operations.filter((operation) => operation === 'create')).toHaveLength(2);
  });

  it('creates no blob when the checkpoint cannot be written', async () => {
    const { open, blob } = await makeWorld();
    const file = new CheckpointFile(join(await temporaryFolder(), 'absent', 'checkpoint.json'));
    expect(await failureOf(open({ file }))).toBeInstanceOf(CheckpointError);
    expect(blob.blob).toBeUndefined();
  });

  it('leaves no checkpoint when it is refused', async () => {
    const { open, blob, file } = await makeWorld();
    const refused = new CredentialError('403');
    blob.failOnce('create', refused);
    expect(await failureOf(open())).toBe(refused);
    expect(await file.load()).toBeUndefined();
  });

  it.each([false, true])(
    'reports the refusal, even if the checkpoint cannot be restored (one exists: %s)',
    async (exists) => {
      const { open, beginAndStop, blob, file } = await makeWorld();
      if (exists) await beginAndStop();
      failAfterFirstSave(file);
      const refused = new CredentialError('403');
      blob.failOnce('create', refused);
      expect(await failureOf(open({ restart: exists }))).toBe(refused);
    },
  );

  it.each(['before', 'after'] as const)(
    'is resumed by the next run when it was aborted %s the blob was created',
    async (when) => {
      const { open, blob, file, abort } = await makeWorld();
      const reason = new Error('enough');
      const create = blob.create.bind(blob);
      blob.create = async (options, signal) => {
        if (when === 'after') await create(options, signal);
        abort(reason);
        throw reason;
      };
      expect(await failureOf(open())).toBe(reason);
      blob.create = create;
      const session = await open({ signal: new AbortController().signal });
      expect(blob.blob?.metadata['vhdup_upload_id']).toBe(session.uploadId);
      expect(session.earlier === undefined).toBe(when === 'before');
      expect((await file.load())?.uploadId).toBe(session.uploadId);
    },
  );
});

describe('openSession, when its credential expires', () => {
  const expired = () => new CredentialError('403: the SAS has expired', { isExpired: true });

  it.each(['acquireLease', 'create'] as const)('resumes the blob that was created before (%s)', async (operation) => {
    const { open, blob, file } = await makeWorld();
    if (operation === 'create') {
      // The answer to Put Blob is lost, and the next requests fail.
      blob.failOnce('create', new ServiceError('reset', { reason: 'ECONNRESET', transient: true }), 'after');
      blob.failOnce('create', expired());
      blob.failOnce('properties', expired(), 'after');
      const properties = blob.properties.bind(blob);
      let looks = 0;
      blob.properties = (signal) => (++looks === 1 ? Promise.resolve(undefined) : properties(signal));
      expect(await failureOf(open())).toBeInstanceOf(CredentialError);
      blob.properties = properties;
    } else {
      blob.failOnce(operation, expired());
      expect(await failureOf(open())).toBeInstanceOf(CredentialError);
    }
    const made = blob.blob?.metadata['vhdup_upload_id'];
    expect((await file.load())?.uploadId).toBe(made);
    expect((await open()).uploadId).toBe(made);
  });
});

describe('openSession, when many runs in a row fail at the lease', () => {
  const refuseLease = (blob: MemoryPageBlob) =>
    blob.failOnce('renewLease', new CredentialError('403: the SAS has expired', { isExpired: true }));

  it('stores few lease ids, and still proves that nothing else has written to the blob', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    const proof = (await file.load())?.lease.proof;
    for (let run = 1; run <= 8; run++) {
      refuseLease(blob);
      expect(await failureOf(open())).toBeInstanceOf(CredentialError);
    }
    const ids = (await file.load())?.lease.ids ?? [];
    expect(ids).toContain(proof);
    expect(ids.length).toBeLessThanOrEqual(5);
    expect((await open()).unverified.ranges).toEqual([]);
  });

  it('stores few lease ids, also if each run starts over', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    for (let run = 1; run <= 8; run++) {
      blob.failOnce('create', new Error('killed'));
      await failureOf(open({ restart: true }));
    }
    const stored = await file.load();
    expect(stored?.lease.ids).toContain(stored?.lease.owner.id);
    expect(stored?.lease.ids.length).toBeLessThanOrEqual(5);
    expect(await open()).toMatchObject({ isComplete: false });
  });
});

describe('openSession, with something else in the way', () => {
  it('resumes from the blob of another checkpoint of this image if its own checkpoint has not started', async () => {
    const { open, blob, file } = await makeWorld();
    blob.failOnce('create', new Error('killed'));
    await failureOf(open());
    // The image is uploaded with another checkpoint, and that run is killed.
    const { uploadId } = await open({ file: new CheckpointFile(join(await temporaryFolder(), 'other.json')) });
    expect((await failureOf(open())).message).toContain('--resume-from-blob');
    expect(await open({ resumeFromBlob: true })).toMatchObject({ uploadId, earlier: { fromBlob: true } });
    expect(await file.load()).toMatchObject({ uploadId, fromBlob: true });
  });

  it('takes over, when it resumes from the blob, the lease of a run that did not replace it', async () => {
    const { open, blob } = await makeWorld();
    const { uploadId } = await open({ file: new CheckpointFile(join(await temporaryFolder(), 'other.json')) });
    const replacing = { overwrite: true, breakLease: true };
    blob.failOnce('create', new Error('killed'));
    await failureOf(open(replacing));
    expect(await open({ resumeFromBlob: true })).toMatchObject({ uploadId });
  });

  it('names all options that are needed in one message', async () => {
    const { open, beginAndStop, blob } = await makeWorld();
    await beginAndStop();
    blob.put({ size: 8192 });
    for (const request of [{}, { restart: true }, { overwrite: true }]) {
      expect((await failureOf(open(request))).message, JSON.stringify(request)).toContain('--restart --overwrite');
    }
    await open({ restart: true, overwrite: true });
    expect(blob.blob?.size).toBe(8 * MIB + 512);
  });

  it('names all options that are needed if the checkpoint is damaged', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    await writeFile(file.path, (await readFile(file.path, 'utf8')).slice(0, -30));
    for (const request of [{}, { restart: true }, { overwrite: true }]) {
      expect((await failureOf(open(request))).message, JSON.stringify(request)).toContain('--restart --overwrite');
    }
    const session = await open({ restart: true, overwrite: true });
    expect(blob.blob?.metadata['vhdup_upload_id']).toBe(session.uploadId);
  });
});

describe('openSession, with a checkpoint', () => {
  it('has nothing left to do if the blob is complete', async () => {
    const { open, beginAndStop, blob } = await makeWorld();
    await beginAndStop();
    blob.put({ ...blob.blob, metadata: { ...blob.blob?.metadata, vhdup_state: 'complete' } });
    const there = blob.blob;
    expect(await open()).toMatchObject({ isComplete: true });
    expect(blob.blob).toBe(there);
  });

  it('releases the lease of a run that was killed after it had completed the blob', async () => {
    const { open, beginAndStop, blob } = await makeWorld();
    await beginAndStop();
    blob.put({ ...blob.blob, metadata: { ...blob.blob?.metadata, vhdup_state: 'complete' } });
    expect(blob.lease.state(Date.now())).toBe('leased');
    expect(await open()).toMatchObject({ isComplete: true });
    expect(blob.lease.state(Date.now())).toBe('available');
  });

  it('leaves a lease of another program on a complete blob alone', async () => {
    const { open, beginAndStop, blob } = await makeWorld();
    await beginAndStop();
    blob.put({ ...blob.blob, metadata: { ...blob.blob?.metadata, vhdup_state: 'complete' } });
    blob.lease.break(0, Date.now());
    blob.lease.acquire('00000000-0000-4000-8000-000000000000', 60_000, Date.now());
    expect(await open()).toMatchObject({ isComplete: true });
    expect(blob.lease.state(Date.now())).toBe('leased');
  });

  it('counts unproved data as unverified, and saves that before it writes', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    blob.lease.break(0, Date.now());
    const done = [{ offset: 0, length: 4 * MIB }];
    let saved: unknown;
    const setMetadata = blob.setMetadata.bind(blob);
    blob.setMetadata = async (...given) => {
      saved = await file.load();
      return await setMetadata(...given);
    };
    expect((await open()).unverified.ranges).toEqual(done);
    expect(saved).toMatchObject({ unverified: done });
    // It stays unverified, although the next run proves that nothing has written since this one.
    expect((await open()).unverified.ranges).toEqual(done);
  });

  it('counts nothing as unverified if the lease of the previous run can be renewed', async () => {
    const { open, beginAndStop } = await makeWorld();
    await beginAndStop();
    expect((await open()).unverified.ranges).toEqual([]);
  });

  it('does not rely on the lease of a run that was killed before it saved what is unverified', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    blob.lease.break(0, Date.now());
    blob.put(blob.blob ?? {});
    blob.lease.settle(Date.now());
    const save = file.save.bind(file);
    let saves = 0;
    file.save = async (state) => {
      if (++saves === 2) throw new Error('killed');
      await save(state);
    };
    expect((await failureOf(open())).message).toBe('killed');
    file.save = save;
    expect((await open()).unverified.ranges).toEqual([{ offset: 0, length: 4 * MIB }]);
  });

  it('restores the checkpoint if another program took the blob at the last moment', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    const stored = await file.load();
    leaseAfterLook(blob);
    expect(await failureOf(open())).toMatchObject({ code: 'IN_USE' });
    expect(await file.load()).toEqual(stored);
  });

  it('reports that the blob is in use, even if the checkpoint cannot be restored', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    leaseAfterLook(blob);
    failAfterFirstSave(file);
    expect(await failureOf(open())).toMatchObject({ code: 'IN_USE' });
  });

  it.each(['resumed', 'started over'])(
    'leaves the checkpoint to a run that has taken it over meanwhile (%s)',
    async (how) => {
      const { open, beginAndStop, blob, file } = await makeWorld();
      await beginAndStop();
      const stored = await file.load();
      if (stored === undefined) throw new Error('There is no checkpoint.');
      const successor = { ...stored, done: [{ offset: 0, length: 8 * MIB }] };
      const access = { mayWrite: true };
      const save = file.save.bind(file);
      file.save = async (state) => {
        await save(state);
        file.save = save;
        await new CheckpointFile(file.path).save(successor);
        access.mayWrite = false;
      };
      leaseAfterLook(blob);
      expect(await failureOf(open({ access, restart: how === 'started over' }))).toMatchObject({ code: 'IN_USE' });
      expect(await file.load()).toEqual(successor);
    },
  );

  it('resumes the upload that it belongs to', async () => {
    const { open, blob, file, beginAndStop } = await makeWorld();
    await beginAndStop();
    const stored = await file.load();
    const created = blob.blob;
    blob.guard = undefined;
    const session = await open();
    expect(session.uploadId).toBe(stored?.uploadId);
    expect(session.startedAt).toBe(stored?.startedAt);
    expect(session.earlier).toEqual(stored);
    expect(blob.operations.filter((operation) => operation === 'create')).toHaveLength(1);
    expect(blob.guard).toBe(created?.sequenceNumber);
  });

  it('resumes when files were renamed, or copied to a file system with coarser times', async () => {
    const { open, beginAndStop } = await makeWorld();
    await beginAndStop();
    const moved = { ...IDENTITY, name: 'other.vhd', modifiedMs: Math.floor(IDENTITY.modifiedMs / 1000) * 1000 };
    expect((await open({ image: imageOf([moved]) })).earlier).toBeDefined();
  });

  it.each([
    ['grew', { size: 9 * MIB }, '9437184 bytes, previously 8388608'],
    ['was written to', { modifiedMs: IDENTITY.modifiedMs + 2 }, 'was modified at 2026-01-01T00:00:00.125Z'],
    ['is another disk', { diskId: 'b2'.repeat(16) }, 'disk id b2b2'],
  ])('refuses an image that %s since', async (_, change, message) => {
    const { open, beginAndStop, blob } = await makeWorld();
    await beginAndStop();
    const requests = blob.requests;
    const error = await failureOf(open({ image: imageOf([{ ...IDENTITY, ...change }]) }));
    expect(error).toBeInstanceOf(ImageChangedError);
    expect(error.message).toContain(message);
    expect(error.message).toContain('--restart');
    expect(blob.requests).toBe(requests);
  });

  it('refuses a chain that has more or fewer files, and a disk of another size', async () => {
    const { open, beginAndStop } = await makeWorld();
    await beginAndStop();
    const parent = { ...IDENTITY, name: 'parent.vhd' };
    expect((await failureOf(open({ image: imageOf([IDENTITY, parent]) }))).message).toContain(
      'had 1 files and now has 2',
    );
    expect(await failureOf(open({ image: imageOf([IDENTITY], 9 * MIB) }))).toBeInstanceOf(ImageChangedError);
  });

  it('refuses to read the image with other options', async () => {
    const { open, beginAndStop } = await makeWorld();
    await beginAndStop();
    const error = await failureOf(open({ trustUnmarkedSectors: true }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain('without --trust-unmarked-sectors');
  });

  it('refuses another destination', async () => {
    const { open, beginAndStop } = await makeWorld();
    await beginAndStop();
    const elsewhere = new MemoryPageBlob();
    Object.assign(elsewhere.address, { url: 'https://account.blob.core.windows.net/vhds/other.vhd' });
    const error = await failureOf(open({ blob: elsewhere }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain('vhds/disk.vhd, not to https://account.blob.core.windows.net/vhds/other.vhd');
    expect(elsewhere.requests).toBe(0);
  });

  it.each([
    ['was deleted', (blob: MemoryPageBlob) => Object.assign(blob, { blob: undefined }), 'no longer exists'],
    [
      'was replaced',
      (blob: MemoryPageBlob) => blob.put({ size: 8 * MIB + 512 }),
      'this upload did not create the blob',
    ],
    [
      'was resized',
      (blob: MemoryPageBlob) => blob.blob && blob.put({ ...blob.blob, size: 16 * MIB }),
      '16777216 bytes, not 8389120',
    ],
    [
      'has another sequence number',
      (blob: MemoryPageBlob) => blob.blob && blob.put({ ...blob.blob, sequenceNumber: 1 }),
      'the sequence number 1',
    ],
  ])('refuses a blob that %s since, even with overwrite', async (_, change, message) => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    const stored = await file.load();
    change(blob);
    const there = blob.blob;
    const error = await failureOf(open({ overwrite: true }));
    expect(error).toBeInstanceOf(DestinationError);
    expect(error.message).toContain(message);
    expect(error.message).toContain('--restart');
    expect(blob.blob).toBe(there);
    expect(await file.load()).toEqual(stored);
  });

  it('starts over if nothing was done yet and the blob no longer exists', async () => {
    const { open, blob } = await makeWorld();
    const first = await open();
    blob.blob = undefined;
    const second = await open();
    expect(second.earlier).toBeUndefined();
    expect(second.uploadId).not.toBe(first.uploadId);
  });

  it('refuses a damaged checkpoint', async () => {
    const { open, beginAndStop, file, blob } = await makeWorld();
    await beginAndStop();
    await writeFile(file.path, (await readFile(file.path, 'utf8')).slice(0, -30));
    const requests = blob.requests;
    expect(await failureOf(open())).toBeInstanceOf(CheckpointError);
    expect(blob.requests).toBe(requests);
  });
});

describe('openSession, with restart', () => {
  it('replaces its own unfinished blob without overwrite', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    const before = await file.load();
    const session = await open({ restart: true });
    expect(session.earlier).toBeUndefined();
    expect(session.uploadId).not.toBe(before?.uploadId);
    expect(blob.blob?.metadata['vhdup_upload_id']).toBe(session.uploadId);
    expect((await file.load())?.done).toEqual([]);
  });

  it('can be resumed after a kill before it had replaced its blob', async () => {
    const { open, beginAndStop, blob, file } = await makeWorld();
    await beginAndStop();
    for (const request of [{ restart: true }, {}]) {
      blob.failOnce('create', new Error('killed'));
      await failureOf(open(request));
    }
    // What was under way when it was killed may have been carried out since.
    if (blob.blob !== undefined) blob.put(blob.blob);
    const session = await open();
    expect(blob.blob?.metadata['vhdup_upload_id']).toBe(session.uploadId);
    expect((await file.load())?.replaces?.uploadId).toBeDefined();
  });

  it.each([true, false])('replaces nothing else after it was killed (with overwrite: %s)', async (overwrite) => {
    const { open, beginAndStop, blob } = await makeWorld();
    if (overwrite) blob.put({ size: 4096 });
    else await beginAndStop();
    blob.failOnce('create', new Error('killed'));
    await failureOf(open({ restart: true, overwrite }));
    blob.put({ size: 8192 });
    expect(await failureOf(open())).toBeInstanceOf(DestinationError);
    expect(blob.blob?.size).toBe(8192);
  });

  it('does not replace a blob of another upload', async () => {
    const { open, beginAndStop, blob } = await makeWorld();
    await beginAndStop();
    blob.put({ size: 4096 });
    expect(await failureOf(open({ restart: true }))).toBeInstanceOf(DestinationError);
    expect(blob.blob?.size).toBe(4096);
  });

  it('accepts a changed image and a damaged checkpoint', async () => {
    const { open, beginAndStop, file, blob } = await makeWorld();
    await beginAndStop();
    await writeFile(file.path, (await readFile(file.path, 'utf8')).slice(0, -30));
    blob.blob = undefined;
    const session = await open({ restart: true, image: imageOf([{ ...IDENTITY, size: 9 * MIB }]) });
    expect((await file.load())?.uploadId).toBe(session.uploadId);
  });

  it.each(['conectix', '', '{}', '[1, 2]'])('never replaces a file that is not a checkpoint: %j', async (content) => {
    const { open, file, blob } = await makeWorld();
    await writeFile(file.path, content);
    const error = await failureOf(open({ restart: true }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain('--checkpoint');
    expect(error.message).not.toContain('--restart');
    expect(await readFile(file.path, 'utf8')).toBe(content);
    expect(blob.requests).toBe(0);
  });
});
