// The command that `vhdup list` prints for an unfinished upload: it ends like the upload that was stopped.
import { execFileSync } from 'node:child_process';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, win32 } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { listUnfinished } from '../../src/manage/list-unfinished.ts';
import type { UploadOptions } from '../../src/options.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/state/checkpoint.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { storedPath } from '../../src/state/stored-path.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { runHere } from '../support/command-line.ts';
import { buildChain } from '../support/image-chain.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import { BASE, uploadFull, urlOf } from '../support/patched-blob.ts';
import { buildImage, spreadDisk } from '../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, restartServer, server, storedBlob, useServer } from '../support/target-server.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

useServer();

type Given = Partial<UploadOptions> & Pick<UploadOptions, 'image'>;
const DESTINATION = () => server.urlOf(CONTAINER, BLOB);

/** Stops the upload at an event. @returns the command that the list prints. */
async function stopped(options: Given, isEnd: (event: UploadEvent) => boolean): Promise<string> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const onEvent = (event: UploadEvent) => {
    if (isEnd(event)) stop.abort(reason);
  };
  const fast = { threads: 1, retryDelayMs: 1, maxRetryDelayMs: 5 } as const;
  const upload = uploadImage({ destination: blobUrl(), ...fast, ...options, signal: stop.signal, onEvent });
  expect(await failureOf(upload)).toBe(reason);
  return await listedCommand(dirname(options.checkpoint ?? options.image));
}

async function listedCommand(folder: string): Promise<string> {
  const { unfinished } = await listUnfinished({ folder });
  const { resume = '' } = unfinished.find(({ kind }) => kind === 'upload') ?? {};
  expect(resume).not.toContain('sig=');
  return resume;
}

const isSent = (event: UploadEvent) => event.type === 'phase' && event.phase === 'finishing';

/** Runs the command as a shell would. */
async function execute(command: string) {
  const words = execFileSync('sh', ['-c', `set -- ${command}; printf '%s\\0' "$@"`], { encoding: 'utf8' });
  const [program, ...args] = words.split('\0').slice(0, -1);
  expect(program).toBe('vhdup');
  return await runHere(args, { AZURE_STORAGE_CONNECTION_STRING: server.connectionString });
}

/** Runs the command, and checks that it resumes and completes the upload. */
async function resume(command: string) {
  const { exitCode, stdout, stderr } = await execute(`${command} --json`);
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('Resuming the upload')]);
  expect(storedBlob().metadata.get('vhdup_state')).toBe('complete');
  return stdout.trimEnd().split('\n');
}

const NEW_BLOB = {
  contentType: 'application/x-vhd',
  pageBlobTier: 'p20',
  blobTags: { project: 'a b', 'c+d=': '1:2/3.4-5_6', empty: '' },
};

function expectNewBlobOptions(): void {
  const { headers, tier, tags } = storedBlob();
  expect([headers.get('content-type'), tier]).toEqual(['application/x-vhd', 'P20']);
  expect(Object.fromEntries(tags)).toEqual(NEW_BLOB.blobTags);
}

/** The image in `vms/b`, a folder `vms/m` beside that, and a link to `vms/b` elsewhere. */
async function imageBesideManifests() {
  const root = await temporaryFolder();
  const [folder, link] = [join(root, 'vms', 'b'), join(root, 'link')];
  await mkdir(folder, { recursive: true });
  await mkdir(join(root, 'vms', 'm'));
  if (HAS_SYMBOLIC_LINKS) await symlink(folder, link, 'dir');
  await rename(await buildImage(spreadDisk(3)), join(folder, 'disk.vhd'));
  const manifest = join(root, 'vms', 'm', 'disk.manifest');
  const expectComplete = async () => {
    const verified = await verifyBlob({ image: join(folder, 'disk.vhd'), destination: blobUrl('r'), manifest });
    expect(verified.matches).toBe(true);
  };
  return { folder, link, manifest, expectComplete };
}

async function rawImage(): Promise<string> {
  const path = join(await temporaryFolder(), 'my disk.bin');
  await writeFile(path, Buffer.concat([patternOf(3, 4096), new Uint8Array(1024 * 1024 - 4096)]));
  return path;
}

describe('the command that a list prints resumes an upload', () => {
  it('with --content-md5, --metadata, --verify and --checksum', async () => {
    const options = { contentMd5: true, metadata: { owner: "O'Neil & co", empty: '' }, verify: 'full' } as const;
    const image = await buildImage(spreadDisk(3));
    const lines = await resume(await stopped({ image, ...options, checksum: 'md5' }, isSent));
    const { contentMd5, metadata } = storedBlob();
    expect(contentMd5).toBeDefined();
    expect([metadata.get('owner'), metadata.get('empty')]).toEqual(["O'Neil & co", '']);
    expect(lines.at(-1)).toContain('"verified":"full"');
    expect(server.log.some(({ headers }) => headers.has('content-md5'))).toBe(true);
  });

  it('with --manifest, also after the folder was moved', async () => {
    const image = await buildImage(spreadDisk(3));
    const folder = dirname(image);
    await mkdir(join(folder, 'a b'));
    await stopped({ image, manifest: join(folder, 'a b', 'disk.manifest') }, isSent);
    const moved = join(await temporaryFolder(), 'moved');
    await rename(folder, moved);
    await resume(await listedCommand(moved));
    const manifest = join(moved, 'a b', 'disk.manifest');
    const verified = await verifyBlob({ image: join(moved, basename(image)), destination: blobUrl('r'), manifest });
    expect(verified.matches).toBe(true);
  });

  it.skipIf(!HAS_SYMBOLIC_LINKS).each([
    ['the upload', 'link', 'folder'],
    ['the list', 'folder', 'link'],
    ['both', 'link', 'link'],
  ] as const)('with --manifest, if %s reached the folder by a link', async (_, uploaded, listed) => {
    const { expectComplete, ...paths } = await imageBesideManifests();
    await stopped({ image: join(paths[uploaded], 'disk.vhd'), manifest: paths.manifest }, isSent);
    await resume(await listedCommand(paths[listed]));
    await expectComplete();
  });

  it('with --manifest, from a checkpoint of Windows', async () => {
    const { folder, manifest, expectComplete } = await imageBesideManifests();
    const image = join(folder, 'disk.vhd');
    await stopped({ image, manifest }, isSent);
    const file = new CheckpointFile(`${image}.vhdup.json`);
    const state = (await file.load()) ?? expect.fail('no checkpoint');
    const ofWindows = storedPath('D:\\vms\\m\\disk.manifest', 'D:\\vms\\b', win32);
    await file.save({ ...state, given: { ...state.given, manifest: ofWindows } });
    await resume(await listedCommand(folder));
    await expectComplete();
  });

  it('with metadata that is longer than what messages show', async () => {
    const note = `${'n'.repeat(1500)} end`;
    await resume(await stopped({ image: await buildImage(spreadDisk(2)), metadata: { note } }, isSent));
    expect(storedBlob().metadata.get('note')).toBe(note);
  });

  it('with --content-type, --page-blob-tier and --blob-tags, while a base is copied', async () => {
    await restartServer({ isPremium: true });
    const { paths } = await buildChain('vhd');
    await uploadFull(paths[1], BASE);
    server.copies.pendingLooks = 1000;
    const options = { image: paths[2], destination: blobUrl('rwt'), base: urlOf(BASE, 'r'), ...NEW_BLOB };
    const command = await stopped(options, ({ type }) => type === 'copying');
    const { copy } = storedBlob();
    if (copy !== undefined) copy.looksLeft = 0;
    server.copies.pendingLooks = 0;
    await resume(command);
    expectNewBlobOptions();
  });

  it('with --content-type, --page-blob-tier and --blob-tags, also if it fails later and starts over', async () => {
    await restartServer({ isPremium: true });
    const image = await buildImage(spreadDisk(3));
    const command = await stopped({ image, destination: blobUrl('rwt'), ...NEW_BLOB }, isSent);
    const blob = storedBlob();
    blob.write(0, patternOf(9, 512));
    blob.markWritten({ offset: 0, length: 512 });
    server.touch(blob);
    expect(await execute(command)).toMatchObject({ exitCode: 10, stderr: expect.not.stringContaining('not applied') });
    const restart = await listedCommand(dirname(image));
    expect(restart).toMatch(/ --restart$/);
    expect(await execute(restart)).toMatchObject({ exitCode: 0 });
    expect(storedBlob().metadata.get('vhdup_state')).toBe('complete');
    expectNewBlobOptions();
  });

  it('with --format raw and --skip-checks', async () => {
    const command = await stopped({ image: await rawImage(), format: 'raw', skipChecks: true }, isSent);
    expect(command).toMatch(/ --format raw --skip-checks$/);
    await resume(command);
  });

  it('with --trust-unmarked-sectors', async () => {
    await resume(await stopped({ image: await buildImage(spreadDisk(2)), trustUnmarkedSectors: true }, isSent));
  });

  it('with --parent-path and --base, before and after the copy', async () => {
    const chain = await buildChain('vhdx');
    const [parent, middle, image] = chain.paths;
    await uploadFull(middle, BASE);
    const elsewhere = join(await temporaryFolder(), 'parents of it');
    await mkdir(elsewhere);
    await rename(parent, join(elsewhere, basename(parent)));
    await rename(middle, join(elsewhere, basename(middle)));
    const options = { image, base: urlOf(BASE, 'r'), parentPaths: [elsewhere], trustBase: true };
    server.copies.pendingLooks = 1000;
    const copying = await stopped(options, ({ type }) => type === 'copying');
    expect(copying).toContain(` --base ${server.urlOf(CONTAINER, BASE)} --trust-base --parent-path `);
    const { copy } = storedBlob();
    if (copy !== undefined) copy.looksLeft = 0;
    server.copies.pendingLooks = 0;
    const sending = await stopped(options, isSent);
    expect(sending).not.toContain('--trust-base');
    const lines = await resume(sending);
    expect(lines.at(-1)).toContain('"copied"');
  });

  it('that an older version started, of whose options its checkpoint knows less', async () => {
    const image = await buildImage(spreadDisk(2));
    await stopped({ image }, isSent);
    const file = new CheckpointFile(`${image}.vhdup.json`);
    const { given: _, ...older } = (await file.load()) ?? expect.fail('no checkpoint');
    expect(decodeCheckpoint(encodeCheckpoint(older), 'it')).toEqual(older);
    await file.save(older);
    const command = await listedCommand(dirname(image));
    expect(command).toBe(`vhdup upload ${image} ${DESTINATION()}`);
    await resume(command);
  });
});
