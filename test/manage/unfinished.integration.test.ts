// vhdup list and vhdup abort: what they find in a folder, and what they remove.
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { downloadImage } from '../../src/download/download.ts';
import type { UploadEvent } from '../../src/events.ts';
import { type AbortPlan, abortUnfinished } from '../../src/manage/abort-unfinished.ts';
import { listUnfinished } from '../../src/manage/list-unfinished.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { runHere } from '../support/command-line.ts';
import { holdFrom } from '../support/contested-blob.ts';
import { storeDisk } from '../support/downloads.ts';
import { buildImage, spreadDisk } from '../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  server,
  stopWhen,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const FAST = { threads: 1, retryDelayMs: 1, maxRetryDelayMs: 5 } as const;

useServer();

const url = () => server.urlOf(CONTAINER, BLOB);
const access = () => blobUrl('rwd');

/** An upload that was stopped, with its blob. */
async function stoppedUpload(more: { readonly checkpoint?: string } = {}): Promise<string> {
  const image = await buildImage(spreadDisk(6));
  await stopWhen(
    () => hasCommitted(128 * 1024),
    (signal) => uploadImage({ image, destination: blobUrl(), ...FAST, ...more, signal }),
  );
  return image;
}

/** A download that was stopped. @returns the path of its file. */
async function stoppedDownload(folder: string, more: object = {}): Promise<string> {
  storeDisk();
  const output = join(folder, 'copy.vhd');
  const stop = new AbortController();
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.done >= 4 * MIB) stop.abort(new Error('stopped by the test'));
  };
  await failureOf(downloadImage({ source: blobUrl('r'), output, ...FAST, ...more, signal: stop.signal, onEvent }));
  return output;
}

describe('a list', () => {
  it('shows uploads, downloads and verifications with the commands that resume them', async () => {
    const image = await stoppedUpload();
    const folder = dirname(image);
    const [upload] = (await listUnfinished({ folder })).unfinished;
    expect(upload).toMatchObject({
      ...{ kind: 'upload', checkpoint: `${image}.vhdup.json`, file: image, url: url(), size: 24 * MIB + 512 },
      ...{ resume: `vhdup upload ${image} ${url()}`, abort: `vhdup abort ${image}.vhdup.json` },
    });
    expect(upload?.done).toBeGreaterThan(0);
    await uploadImage({ image, destination: blobUrl(), ...FAST });
    const stop = new AbortController();
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'progress' && event.sent > 0) stop.abort(new Error('stopped by the test'));
    };
    await failureOf(
      verifyBlob({ image, destination: blobUrl('r'), full: true, ...FAST, signal: stop.signal, onEvent }),
    );
    expect((await listUnfinished({ folder })).unfinished).toMatchObject([
      { kind: 'verification', resume: `vhdup verify ${image} ${url()} --full` },
    ]);
    const output = await stoppedDownload(folder, { format: 'vhdx' });
    const { unfinished } = await listUnfinished({ folder });
    expect(unfinished.map(({ kind }) => kind).sort()).toEqual(['download', 'verification']);
    expect(unfinished.find(({ kind }) => kind === 'download')).toMatchObject({
      ...{ file: output, resume: `vhdup download ${url()} ${output} --format vhdx` },
    });
    const { stdout } = await runHere(['list', folder]);
    expect(stdout).toContain(`resume      vhdup download ${url()} ${output} --format vhdx`);
    expect(stdout).not.toContain('sig=');
  });

  it('of an empty folder names the folder, or calls it the current one', async () => {
    const folder = await temporaryFolder();
    expect((await runHere(['list', folder])).stdout).toBe(`No unfinished work found in ${folder}.\n`);
    expect((await runHere(['list'])).stdout).toBe('No unfinished work found in the current folder.\n');
  });

  it('names another checkpoint in the commands, and follows a renamed image', async () => {
    const image = await stoppedUpload();
    const folder = dirname(image);
    await rename(`${image}.vhdup.json`, join(folder, 'state.json'));
    expect((await listUnfinished({ folder })).unfinished).toMatchObject([
      { resume: `vhdup upload ${image} ${url()} --checkpoint ${join(folder, 'state.json')}` },
    ]);
    await rename(join(folder, 'state.json'), join(folder, 'new.vhd.vhdup.json'));
    await rename(image, join(folder, 'new.vhd'));
    expect((await listUnfinished({ folder })).unfinished).toMatchObject([
      { file: join(folder, 'new.vhd'), resume: `vhdup upload ${join(folder, 'new.vhd')} ${url()}` },
    ]);
  });

  it('names only the image if it is in another folder', async () => {
    const folder = await temporaryFolder();
    const checkpoint = join(folder, 'state.json');
    await stoppedUpload({ checkpoint });
    expect((await listUnfinished({ folder })).unfinished).toMatchObject([
      { file: 'disk.vhd', resume: `vhdup upload disk.vhd ${url()} --checkpoint ${checkpoint}` },
    ]);
  });

  it('leaves out other files, and names damaged checkpoints', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'package.json'), '{\n "name": "other"\n}');
    await writeFile(join(folder, 'empty.json'), '');
    await writeFile(join(folder, 'text.txt'), '{\n "vhdupDownload": 1');
    expect((await listUnfinished({ folder })).unfinished).toEqual([]);
    expect((await runHere(['list', folder])).stdout).toContain('No unfinished work found');
    await writeFile(join(folder, 'damaged.json'), '{\n "vhdupDownload": 1, "n');
    const { unfinished } = await listUnfinished({ folder });
    expect(unfinished).toMatchObject([{ kind: 'download', problem: expect.stringContaining('it is damaged') }]);
    expect((await runHere(['list', join(folder, 'no')])).exitCode).toBe(11);
  });

  it('shows what is running', async () => {
    const image = await buildImage(spreadDisk(6));
    const hold = holdFrom(4 * MIB);
    const running = uploadImage({ image, destination: blobUrl(), ...FAST });
    await hold.reached;
    const { unfinished } = await listUnfinished({ folder: dirname(image) });
    expect(unfinished[0]?.usedBy).toContain(`process ${process.pid}`);
    expect(await failureOf(abortUnfinished({ path: image, destination: access() }))).toMatchObject({ exitCode: 12 });
    hold.release();
    await running;
  });
});

describe('an abort', () => {
  it.each(['the image', 'the checkpoint'])('of an upload deletes its blob and its checkpoint, given %s', async (by) => {
    const image = await stoppedUpload();
    const path = by === 'the image' ? image : `${image}.vhdup.json`;
    const plans: AbortPlan[] = [];
    const confirm = (plan: AbortPlan) => {
      plans.push(plan);
      return Promise.resolve(true);
    };
    expect(await abortUnfinished({ path, destination: access(), confirm })).toMatchObject({
      ...{ kind: 'upload', target: 'delete', file: image, url: url() },
    });
    expect(plans).toMatchObject([{ target: 'delete', unfinished: { kind: 'upload', url: url() } }]);
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
    expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
    expect(await failureOf(abortUnfinished({ path, destination: access() }))).toMatchObject({ exitCode: 7 });
  });

  it('changes nothing without confirmation, or without permission to delete', async () => {
    const image = await stoppedUpload();
    const refused = abortUnfinished({ path: image, destination: access(), confirm: () => Promise.resolve(false) });
    expect(await failureOf(refused)).toMatchObject({ exitCode: 2 });
    const failure = await failureOf(abortUnfinished({ path: image, destination: blobUrl('rw') }));
    expect(failure).toMatchObject({ exitCode: 8 });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(true);
    expect((await readdir(dirname(image))).sort()).toEqual(['disk.vhd', 'disk.vhd.vhdup.json']);
    const program = await runHere(['abort', image, access()]);
    expect(program).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--yes') });
    expect(await runHere(['abort', image, access(), '--yes'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('was deleted'),
    });
  });

  it('removes only the checkpoint if the blob is gone', async () => {
    const image = await stoppedUpload();
    server.deleteBlob(CONTAINER, BLOB);
    expect(await abortUnfinished({ path: image, destination: access() })).toMatchObject({ target: 'absent' });
    expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
  });

  it('keeps everything if the blob has snapshots, and says how to delete them', async () => {
    const image = await stoppedUpload();
    storedBlob().addSnapshot(new Date());
    const failure = await failureOf(abortUnfinished({ path: image, destination: access() }));
    expect(failure).toMatchObject({ exitCode: 6 });
    expect(failure.message).toContain('az storage blob delete --delete-snapshots only');
    expect(await readdir(dirname(image))).toEqual(['disk.vhd', 'disk.vhd.vhdup.json']);
    storedBlob().snapshots.clear();
    expect(await abortUnfinished({ path: image, destination: access() })).toMatchObject({ target: 'delete' });
  });

  it('leaves a blob that is complete, or that is of something else', async () => {
    const image = await stoppedUpload();
    const kept = await readFile(`${image}.vhdup.json`);
    await uploadImage({ image, destination: blobUrl(), ...FAST });
    await writeFile(`${image}.vhdup.json`, kept);
    expect(await abortUnfinished({ path: image, destination: access() })).toMatchObject({ target: 'complete' });
    await writeFile(`${image}.vhdup.json`, kept);
    server.createPageBlob(CONTAINER, BLOB, 512);
    expect(await abortUnfinished({ path: image, destination: access() })).toMatchObject({ target: 'other' });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(true);
    expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
  });

  it('is refused while another program holds the blob, and takes over the lease of a run that was killed', async () => {
    const image = await stoppedUpload();
    const now = Date.now();
    const { lease } = storedBlob();
    lease.acquire('11111111-2222-3333-4444-555555555555', 60_000, now);
    expect(await failureOf(abortUnfinished({ path: image, destination: access() }))).toMatchObject({ exitCode: 12 });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(true);
    lease.break(0, now);
    const { lease: known } = (await new CheckpointFile(`${image}.vhdup.json`).load()) ?? {};
    lease.acquire(known?.ids[0] ?? '', 60_000, now);
    expect(await abortUnfinished({ path: image, destination: access() })).toMatchObject({ target: 'delete' });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  });

  it('is refused for another blob', async () => {
    const image = await stoppedUpload();
    const destination = server.sasUrl({ container: CONTAINER, blob: 'other.vhd', permissions: 'rwd' });
    expect(await failureOf(abortUnfinished({ path: image, destination }))).toMatchObject({ exitCode: 7 });
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(true);
  });

  it('of a download removes its temporary file, and sends nothing', async () => {
    const folder = await temporaryFolder();
    const output = await stoppedDownload(folder);
    expect(await readdir(folder)).toHaveLength(2);
    const requests = server.log.length;
    expect(await runHere(['abort', output, '--yes'])).toMatchObject({ exitCode: 0 });
    expect(server.log.length).toBe(requests);
    expect(await readdir(folder)).toEqual([]);
    await stoppedDownload(folder);
    const partial = (await readdir(folder)).find((name) => name.endsWith('.download')) ?? '';
    await rm(join(folder, partial));
    expect(await abortUnfinished({ path: output })).toMatchObject({ kind: 'download', target: 'absent' });
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['copy.vhd', 'copy.vhd.vhdup.json'])(
    'of a download removes its temporary file also if all that begins with %s was renamed',
    async (beginning) => {
      const folder = await temporaryFolder();
      await stoppedDownload(folder);
      for (const name of await readdir(folder)) {
        if (name.startsWith(beginning)) await rename(join(folder, name), join(folder, name.replace('copy', 'web01')));
      }
      const path = join(folder, 'web01.vhd');
      expect(await abortUnfinished({ path })).toMatchObject({ kind: 'download', target: 'delete', file: path });
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('of a download with its checkpoint in another folder needs the file', async () => {
    const folder = await temporaryFolder();
    const checkpoint = join(await temporaryFolder(), 'state.json');
    const output = await stoppedDownload(folder, { checkpoint });
    const failure = await failureOf(abortUnfinished({ path: checkpoint }));
    expect(failure).toMatchObject({ exitCode: 7 });
    expect(failure.message).toContain(`FOLDER/copy.vhd --checkpoint ${checkpoint}`);
    expect(await readdir(folder)).toHaveLength(1);
    expect(await runHere(['abort', output, '--checkpoint', checkpoint, '--yes'])).toMatchObject({ exitCode: 0 });
    expect(await readdir(folder)).toEqual([]);
    expect(await readdir(dirname(checkpoint))).toEqual([]);
  });

  it('of nothing says where to look', async () => {
    const folder = await temporaryFolder();
    const failure = await failureOf(abortUnfinished({ path: join(folder, 'disk.vhd') }));
    expect(failure).toMatchObject({ exitCode: 7 });
    expect(failure.message).toContain('vhdup list');
  });
});
