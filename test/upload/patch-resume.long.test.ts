// Uploads onto a base that are stopped, killed or disturbed, in every phase.
import { readFile, rm } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { CheckpointError, DestinationError, InUseError, VerificationError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { buildChain, CHAIN_SIZE, CHANGED_BY_CHILD, type ImageChain } from '../support/image-chain.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import type { Operation } from '../support/page-blob-server/request.ts';
import { BASE, expectLikeFull, patch, patchOptions, uploadFull } from '../support/patched-blob.ts';
import { BLOB, CONTAINER, requestsOf, server, storedBlob, useServer } from '../support/target-server.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useServer();

let chain: ImageChain;
/** Proves the base, so that nothing of its copy is read back unless the copy may have been modified. */
let proved: Partial<UploadOptions>;

beforeEach(async () => {
  chain = await buildChain('vhd');
  const manifest = `${chain.paths[1]}.jsonl`;
  await uploadFull(chain.paths[1], BASE, { manifest, checksum: 'crc64' });
  proved = { baseManifest: manifest };
  server.log.length = 0;
});

/** Stops the upload at the first event that is `wanted`. */
async function stopAt(wanted: (event: UploadEvent) => boolean, more: Partial<UploadOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const onEvent = (event: UploadEvent) => {
    if (wanted(event)) stop.abort(reason);
  };
  expect(await failureOf(patch(chain, { ...more, signal: stop.signal, onEvent }))).toBe(reason);
}

const checkpointPath = () => `${chain.paths[2]}.vhdup.json`;

describe('a stop', () => {
  it('during the copy leaves the copy to Azure, and the next run waits for the same one', async () => {
    server.copies.pendingLooks = 1000;
    const saved: string[] = [];
    await stopAt((event) => {
      if (event.type === 'saved') saved.push(event.checkpoint);
      return event.type === 'copying';
    }, proved);
    expect(saved).toEqual([checkpointPath()]);
    expect(storedBlob().copy?.status).toBe('pending');
    expect(await readFile(checkpointPath(), 'utf8')).not.toContain('sig=');
    const copy = storedBlob().copy;
    if (copy !== undefined) copy.looksLeft = 2;
    const { result, events } = await patch(chain, proved);
    expect(requestsOf('CopyBlob').length).toBe(1);
    expect(events.filter(({ type }) => type === 'copying').length).toBeGreaterThan(0);
    expect(result).toMatchObject({ sentBefore: 0, verified: 'ranges' });
    await expectLikeFull(chain);
  });

  it('while sending resumes with the right totals, and without the base', async () => {
    const rule = server.faults.add({ operation: 'PutPage', range: { offset: 20 << 20, length: 512 } }, internalError());
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const stopping = server.when(() => rule.hits > 0).then(() => stop.abort(reason));
    expect(await failureOf(patch(chain, { ...proved, signal: stop.signal, threads: 1 }))).toBe(reason);
    await stopping;
    rule.remove();
    // Until the upload ends, the blob must not look like a VHD.
    expect(storedBlob().read(CHAIN_SIZE, 8).toString('latin1')).toBe('\0'.repeat(8));
    server.deleteBlob(CONTAINER, BASE);
    const { result, sentBytes } = await patch(chain, proved);
    expect(result.sent).toBe(sentBytes);
    expect(result.sent + result.sentBefore).toBe(CHANGED_BY_CHILD + 512);
    expect(result).toMatchObject({ cleared: 320 * 1024, verified: 'ranges' });
    await expectLikeFull(chain);
  });

  it('needs the same --base to resume', async () => {
    server.copies.pendingLooks = 1000;
    await stopAt(({ type }) => type === 'copying');
    const { base: _, ...without } = patchOptions(chain);
    const failure = await failureOf(uploadImage(without));
    expect(failure).toBeInstanceOf(CheckpointError);
    expect(failure.message).toMatch(/started with --base .*\/vhds\/base\.vhd\. Give that option again/);
    expect(failure.message).not.toContain('sig=');
  });

  it('cannot be resumed from the blob alone', async () => {
    await stopAt((event) => event.type === 'phase' && event.phase === 'sending');
    await rm(checkpointPath());
    const { base: _, ...without } = patchOptions(chain, { resumeFromBlob: true });
    const failure = await failureOf(uploadImage(without));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toMatch(/started as a copy of a base .*Give --overwrite without --resume-from-blob/);
    const again = await failureOf(patch(chain));
    expect(again.message).toMatch(/unfinished upload by vhdup/);
    expect(again.message).not.toContain('--resume-from-blob');
    await patch(chain, { overwrite: true });
    await expectLikeFull(chain);
  });
});

describe('a lost answer', () => {
  it.each<Operation>(['CopyBlob', 'SetBlobProperties', 'ClearPages', 'GetBlobProperties', 'SetBlobMetadata'])(
    'to %s changes nothing',
    async (operation) => {
      server.faults.add({ operation, times: 2 }, { kind: 'reset-after-commit' });
      await patch(chain);
      expect(requestsOf('CopyBlob').filter(({ committed }) => committed).length).toBe(1);
      await expectLikeFull(chain);
    },
  );
});

describe('a copy', () => {
  it.each([
    ['failed', /failed: 500 InternalServerError "Copy failed\."/],
    ['aborted', /was aborted/],
  ] as const)('that %s is started once more by the next run', async (outcome, message) => {
    server.copies.outcome = outcome;
    server.copies.pendingLooks = 1;
    const failure = await failureOf(patch(chain));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toMatch(message);
    expect(failure.message).toMatch(/Run the same command again/);
    server.copies.outcome = 'success';
    await patch(chain);
    await expectLikeFull(chain);
  });

  it('of a base that changes meanwhile fails', async () => {
    server.copies.pendingLooks = 2;
    const changing = server
      .when(() => requestsOf('CopyBlob').some(({ committed }) => committed))
      .then(() => server.touch(server.blob(CONTAINER, BASE)));
    expect((await failureOf(patch(chain))).message).toMatch(/412 ConditionNotMet/);
    await changing;
  });

  it('of a base that has changed since it was checked is refused', async () => {
    const rule = server.faults.add({ operation: 'CopyBlob', times: 1 }, internalError());
    const changing = server.when(() => rule.hits > 0).then(() => server.touch(server.blob(CONTAINER, BASE)));
    const failure = await failureOf(patch(chain, { retryDelayMs: 300, maxRetryDelayMs: 300 }));
    await changing;
    expect(failure.message).toMatch(/SourceConditionNotMet.*was modified in the meantime/);
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  });

  it('replaces a blob that may be replaced, and no other', async () => {
    server.createPageBlob(CONTAINER, BLOB, 1024);
    expect((await failureOf(patch(chain))).message).toMatch(/Give --overwrite/);
    await patch(chain, { overwrite: true });
    await expectLikeFull(chain);
  });

  it('does not replace a blob that a program has leased, unless that lease may be broken', async () => {
    const blob = server.createPageBlob(CONTAINER, BLOB, 1024);
    blob.lease.acquire('11111111-2222-3333-4444-555555555555', 60_000, server.now().getTime());
    const failure = await failureOf(patch(chain, { overwrite: true }));
    expect(failure).toBeInstanceOf(InUseError);
    expect(failure.message).toContain('--break-lease');
    expect(server.blob(CONTAINER, BLOB)).toBe(blob);
    await patch(chain, { overwrite: true, breakLease: true });
    await expectLikeFull(chain);
  });

  it('that ends after something else replaced the blob is refused', async () => {
    server.copies.pendingLooks = 1000;
    await stopAt(({ type }) => type === 'copying');
    const foreign = server.createPageBlob(CONTAINER, BLOB, 512);
    const failure = await failureOf(patch(chain));
    expect(failure.message).toMatch(/already exists/);
    expect(server.blob(CONTAINER, BLOB)).toBe(foreign);
  });
});

describe('a foreign write', () => {
  async function stopWhileSending(): Promise<void> {
    const rule = server.faults.add({ operation: 'PutPage' }, internalError());
    const stop = new AbortController();
    const stopping = server.when(() => rule.hits > 0).then(() => stop.abort(new Error('stopped')));
    await failureOf(patch(chain, { ...proved, signal: stop.signal, threads: 1 }));
    await stopping;
    rule.remove();
  }

  it('between two runs to a page that the copy brought is found', async () => {
    await stopWhileSending();
    storedBlob().write(8 << 20, new Uint8Array(512).fill(1));
    server.touch(storedBlob());
    const failure = await failureOf(patch(chain, proved));
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(/content at 8388608/);
    expect(storedBlob().metadata.get('vhdup_state')).toBe('failed');
  });

  it('that changes nothing is read back, and the upload completes', async () => {
    await stopWhileSending();
    server.touch(storedBlob());
    const { result } = await patch(chain, proved);
    expect(result.verified).toBe('unverified');
    await expectLikeFull(chain);
  });
});

describe('a trusted base', () => {
  it('with other bytes fails the verification at the end', async () => {
    server.blob(CONTAINER, BASE).write(8 << 20, new Uint8Array(512).fill(1));
    const failure = await failureOf(patch(chain, { trustBase: true }));
    expect(failure).toBeInstanceOf(VerificationError);
    expect(storedBlob().metadata.get('vhdup_state')).toBe('failed');
  });
});

describe('a second uploader', () => {
  it('with another checkpoint is refused during the copy and after it', async () => {
    server.copies.pendingLooks = 1000;
    await stopAt(({ type }) => type === 'copying');
    const other = { checkpoint: `${chain.paths[2]}.other.json` };
    expect((await failureOf(patch(chain, other))).message).toMatch(/is an unfinished upload by vhdup/);
    const copy = storedBlob().copy;
    if (copy !== undefined) copy.looksLeft = 0;
    let refusal: Promise<Error> | undefined;
    await patch(chain, {
      onEvent: (event) => {
        if (event.type === 'phase' && event.phase === 'sending') refusal = failureOf(patch(chain, other));
      },
    });
    const failure = await refusal;
    expect(failure instanceof InUseError || failure instanceof DestinationError).toBe(true);
    await expectLikeFull(chain);
  });

  it('with --overwrite does not disturb a pending copy', async () => {
    server.copies.pendingLooks = 1000;
    await stopAt(({ type }) => type === 'copying');
    const other = { checkpoint: `${chain.paths[2]}.other.json`, overwrite: true };
    expect((await failureOf(patch(chain, other))).message).toMatch(/PendingCopyOperation.*cancel/);
    const copy = storedBlob().copy;
    if (copy !== undefined) copy.looksLeft = 0;
    await patch(chain);
    await expectLikeFull(chain);
  });
});
