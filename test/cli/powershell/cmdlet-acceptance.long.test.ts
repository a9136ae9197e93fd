// The acceptance tests of Add-AzureVhd (Azure/azure-powershell, AddAzureVhdTest.cs and AddAzureVhdSASUriTest.cs) with add-azurevhd, by
// their names. More of A8 and A9 is in upload/patch.integration.test.ts and upload/patch-refusals.integration.test.ts.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere, startProgram } from '../../support/command-line.ts';
import { buildImage, expectBlobIs, PIECE, SMALL_DISK, spreadDisk } from '../../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  requestsOf,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../../support/target-server.ts';
import { type AcceptanceVhd, buildAcceptanceSuite } from '../../support/vhd-acceptance-suite.ts';
import { expectSameBytes } from '../../support/vhd-fixtures.ts';

const WINDOW = 4 * 1024 * 1024;
/** Just large enough that no rule warns about it. */
const DISK = { ...SMALL_DISK, size: 5 * WINDOW };
const OTHER_DISK = { ...spreadDisk(1, 7), size: DISK.size };

useServer();

const upload = (...args: readonly string[]) => runHere(['add-azurevhd', ...args]);

let suite: readonly AcceptanceVhd[];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vhdup-cmdlet-'));
  suite = await buildAcceptanceSuite(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function imageOf(name: string): AcceptanceVhd {
  const image = suite.find((one) => one.name === name);
  if (image === undefined) throw new Error(`The suite has no ${name}.`);
  return image;
}

/** The blob is the fixed VHD of the disk, with its MD5. */
function expectFixedVhdOf({ disk }: AcceptanceVhd): void {
  const blob = storedBlob();
  const bytes = blob.read(0, blob.size);
  expect(blob.size).toBe(disk.length + 512);
  expectSameBytes(bytes.subarray(0, disk.length), disk);
  expect(bytes.toString('latin1', disk.length, disk.length + 8)).toBe('conectix');
  expect(blob.contentMd5).toBe(md5(bytes));
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}

describe('A1 UploadDisk', () => {
  it.each([
    'dynamic_50',
    'dynamic_50_child01',
    'dynamic_50_child02',
    'fixed_50',
    'fixed_50_child01',
    'fixed_50_child02',
  ])('%s arrives as a fixed VHD whose Content-MD5 is that of its bytes', async (name) => {
    const image = imageOf(name);
    const { exitCode, stderr } = await upload('-dst', blobUrl(), '-lf', image.path);
    expect(exitCode, stderr).toBe(0);
    expectFixedVhdOf(image);
  });
});

describe('A2 UploadDiskOverwrite, A3 UploadDiskOverwriteNonExist, A4 UploadDiskSecondWithoutOverwrite', () => {
  it('-OverWrite replaces a blob', async () => {
    expect((await upload(blobUrl(), await buildImage(OTHER_DISK))).exitCode).toBe(0);
    expect((await upload(blobUrl(), await buildImage(DISK), '-OverWrite')).exitCode).toBe(0);
    expectBlobIs(DISK, storedBlob());
  });

  it('-OverWrite needs no blob', async () => {
    expect((await upload(blobUrl(), await buildImage(DISK), '-OverWrite')).exitCode).toBe(0);
    expectBlobIs(DISK, storedBlob());
  });

  it('without -OverWrite, a blob is left as it is, and the parameter is named', async () => {
    await upload(blobUrl(), await buildImage(OTHER_DISK));
    const { etag } = storedBlob();
    const { exitCode, stdout, stderr } = await upload(blobUrl(), await buildImage(DISK));
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: '' });
    expect(stderr).toContain('Give -OverWrite to replace it');
    expect(stderr).not.toContain('--overwrite');
    expect(storedBlob().etag).toBe(etag);
  });
});

describe('A5 UploadDiskThreadNumber, UploadDiskThreadNumberOverwrite', () => {
  it.each([1, 16, 64])('%i threads send the same bytes', async (threads) => {
    const disk = spreadDisk(12, 3);
    const path = await buildImage(disk);
    expect((await upload(blobUrl(), path, String(threads))).exitCode).toBe(0);
    expectBlobIs(disk, storedBlob());
    expect((await upload(blobUrl(), path, '-NumberOfUploaderThreads', String(threads), '-OverWrite')).exitCode).toBe(0);
    expectBlobIs(disk, storedBlob());
  });
});

describe('A6 UploadDiskResume', () => {
  it('resumes with the command that it prints, and sends nothing twice but what was in flight', async () => {
    const disk = spreadDisk(24);
    const path = await buildImage(disk);
    const url = blobUrl();
    server.model.latencyMs = 20;
    const { child, ended } = startProgram(['-dst', url, '-lf', path, '-th', '2'], {}, 'add-azurevhd');
    await server.when(() => hasCommitted(4 * PIECE));
    child.kill('SIGINT');
    const { exitCode, stderr } = await ended;
    expect(exitCode, stderr).toBe(130);
    const printed = `add-azurevhd -dst ${url.replace(/\?.*/, '')} -lf ${path} -th 2`;
    expect(stderr).toContain(`Run the same command again to resume.\n  ${printed}`);
    expect(stderr).not.toContain('sig=');
    const acknowledged = requestsOf('PutPage')
      .filter(({ status }) => status === 201)
      .map(({ range }) => range?.offset);
    const before = server.log.length;
    expect((await upload('-dst', url, '-lf', path, '-th', '2')).exitCode).toBe(0);
    expectBlobIs(disk, storedBlob());
    const again = server.log
      .slice(before)
      .filter(({ operation }) => operation === 'PutPage')
      .map(({ range }) => range?.offset);
    // Each of the two threads may have been stopped before it saw the answer.
    expect(again.filter((offset) => acknowledged.includes(offset)).length).toBeLessThanOrEqual(2);
  });
});

describe('A7 the permissions of the SAS', () => {
  const MASKS = Array.from({ length: 16 }, (_, mask) =>
    ['r', 'w', 'd', 'l'].filter((_letter, bit) => (mask & (1 << bit)) !== 0).join(''),
  );

  it.each(MASKS.filter((letters) => letters !== ''))(
    '%s: uploads with w, which is enough for a new blob, and otherwise names the missing letter',
    async (letters) => {
      const path = await buildImage(DISK);
      // Only a SAS for a container can have the letter l.
      const [, query] = server.sasUrl({ container: CONTAINER, permissions: letters }).split('?');
      const url = `${server.urlOf(CONTAINER, BLOB)}?${query}`;
      for (const more of [[], ['-OverWrite']]) {
        const requests = server.log.length;
        const { exitCode, stderr } = await upload('-dst', url, '-lf', path, ...more);
        // To replace a blob, it must be looked at.
        const needed = more.length === 0 ? ['w'] : ['r', 'w'];
        const missing = needed.filter((letter) => !letters.includes(letter));
        expect(exitCode, stderr).toBe(missing.length === 0 ? 0 : 8);
        for (const letter of missing) expect(stderr).toMatch(new RegExp(`missing [^(]*\\b${letter}\\b`));
        if (missing.length > 0) expect(server.log).toHaveLength(requests);
      }
    },
  );
});

describe('A8 PatchFirstLevelDifferencingDisk', () => {
  it.each([
    ['fixed_50_child01', 'fixed_50'],
    ['dynamic_50_child01', 'dynamic_50'],
  ])('%s onto %s equals a full upload', async (name, parent) => {
    const base = server.sasUrl({ container: CONTAINER, blob: 'base.vhd', permissions: 'rw' });
    await upload('-dst', base, '-lf', imageOf(parent).path);
    const image = imageOf(name);
    const { exitCode, stderr } = await upload('-dst', blobUrl(), '-lf', image.path, '-BaseImageUriToPatch', base);
    expect(exitCode, stderr).toBe(0);
    expectFixedVhdOf(image);
    expect(requestsOf('CopyBlob')).toHaveLength(1);
  });
});

describe('A9 a base that is not the ancestor', () => {
  it.each([
    ['fixed_50', /which is not an ancestor of .* or upload without -bs\./],
    // A command in a sentence does not keep the rest of it from the words of the cmdlet.
    ['dynamic_50_child01', /Run vhdup verify to compare them, or upload without -bs\./],
  ])('is refused: %s', async (other, message) => {
    const base = server.sasUrl({ container: CONTAINER, blob: 'base.vhd', permissions: 'rw' });
    await upload('-dst', base, '-lf', imageOf(other).path);
    const { path } = imageOf('dynamic_50_child01');
    const { exitCode, stdout, stderr } = await upload('-dst', blobUrl(), '-lf', path, '-bs', base);
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: '' });
    expect(stderr).toMatch(message);
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  });
});

describe('A10 WrongProtocolShouldFail', () => {
  it.each(['ftp', 'badprotocol', 'file'])('%s: fails at once', async (scheme) => {
    const { exitCode, stdout, stderr } = await upload(blobUrl().replace('http', scheme), await buildImage(DISK));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/must be an https URL|not a valid URL/);
    expect(stderr).not.toContain('sig=');
    expect(server.log).toEqual([]);
  });
});

describe('A11 Save-AzVhd, Save-AzureVhd', () => {
  it.each(['save-azvhd', 'save-azurevhd'])(
    '%s gives the bytes back, and replaces a file only with -OverWrite',
    async (name) => {
      await upload('-dst', blobUrl(), '-lf', imageOf('dynamic_50_child02').path);
      const file = join(folder, `${name}.vhd`);
      const save = (...more: readonly string[]) =>
        runHere([name, '-Source', blobUrl('r'), '-LocalFilePath', file, ...more]);
      const { exitCode, stderr } = await save();
      expect(exitCode, stderr).toBe(0);
      expect(md5(await readFile(file))).toBe(storedBlob().contentMd5);
      expect((await save()).stderr).toContain('-OverWrite');
      await writeFile(file, 'another file');
      expect((await save('-OverWrite')).exitCode).toBe(0);
      expect(md5(await readFile(file))).toBe(storedBlob().contentMd5);
    },
  );
});

describe('what the cmdlets imply', () => {
  it('the container is created', async () => {
    await restartServer();
    const url = `${server.urlOf('new', BLOB)}?${server.accountSas('rwdlac')}`;
    expect((await upload(url, await buildImage(DISK))).exitCode).toBe(0);
    expectBlobIs(DISK, server.blob('new', BLOB));
  });

  it('8 threads, unless another number is asked for', async () => {
    const path = await buildImage(DISK);
    const log = `${path}.log`;
    const started = async (...args: readonly string[]) => {
      await upload(blobUrl(), path, '-OverWrite', '--log-file', log, ...args);
      const lines = (await readFile(log, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      return lines.filter(({ type }) => type === 'start').at(-1)?.threads;
    };
    expect(await started()).toBe(8);
    expect(await started('-th', '5')).toBe(5);
    expect(await started('--threads', 'auto')).toBe('auto');
  });
});

describe('a blob with snapshots', () => {
  it('keeps them, as the service does, unless they are to be deleted', async () => {
    const old = server.createPageBlob(CONTAINER, BLOB, 1024);
    for (let count = 0; count < 2; count++) old.addSnapshot(server.now());
    const path = await buildImage(DISK);
    const kept = await upload(blobUrl('rwd'), path, '-OverWrite');
    expect(kept.exitCode, kept.stderr).toBe(0);
    expect(storedBlob().snapshots.size).toBe(2);
    const { exitCode, stderr } = await upload(blobUrl('rwd'), path, '-OverWrite', '--delete-snapshots');
    expect(exitCode, stderr).toBe(0);
    expect(storedBlob().snapshots.size).toBe(0);
    expectBlobIs(DISK, storedBlob());
  });

  it('leads to the next step if the service refuses to replace it', async () => {
    server.createPageBlob(CONTAINER, BLOB, 1024);
    server.faults.add({ operation: 'PutBlob' }, { kind: 'status', status: 409, code: 'SnapshotsPresent' });
    const { exitCode, stderr } = await upload(blobUrl('rwd'), await buildImage(DISK), '-OverWrite');
    expect(exitCode).toBe(6);
    expect(stderr).toContain('--delete-snapshots to delete them');
    expect(storedBlob().size).toBe(1024);
  });

  it('is refused before anything is sent if the SAS cannot delete', async () => {
    const { exitCode, stderr } = await upload(
      blobUrl('rw'),
      await buildImage(DISK),
      '-OverWrite',
      '--delete-snapshots',
    );
    expect(exitCode).toBe(8);
    expect(stderr).toContain('missing d');
    expect(server.log).toEqual([]);
  });

  it('is not asked to delete snapshots of a blob that stays', async () => {
    const { exitCode, stderr } = await upload(blobUrl('rwd'), await buildImage(DISK), '--delete-snapshots');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('give overwrite (-OverWrite) too');
  });
});

describe('an upload that another program has not finished', () => {
  it.each([
    ['localmetadata', 'Add-AzureVhd or Add-AzVhd'],
    ['diskmetadata', 'azure-vhd-utils'],
  ])('is named by its metadata %s, with the next step', async (name, program) => {
    const blob = server.createPageBlob(CONTAINER, BLOB, 1024);
    blob.metadata = new Map([[name, '{}']]);
    const path = await buildImage(DISK);
    const { exitCode, stderr } = await upload(blobUrl(), path);
    expect(exitCode).toBe(6);
    expect(stderr).toContain(
      `an unfinished upload by ${program}, which vhdup cannot resume. Give -OverWrite to replace it`,
    );
    expect((await runHere(['upload', path, blobUrl(), '--resume-from-blob'])).stderr).toContain(program);
    expect((await upload(blobUrl(), path, '-OverWrite')).exitCode).toBe(0);
    expectBlobIs(DISK, storedBlob());
  });
});
