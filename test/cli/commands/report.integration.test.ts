// Reports of real uploads, verifications and downloads: what they say is what the server counted.
import { writeFileSync } from 'node:fs';
import { appendFile, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { signedIn } from '../../support/arm-options.ts';
import { runHere, startProgram } from '../../support/command-line.ts';
import { makeDisk, NO_DISK_TOOLS, overwrite } from '../../support/guest-disk.ts';
import { buildChain, CHAIN_SIZE } from '../../support/image-chain.ts';
import { startManagedDisks } from '../../support/managed-disks.ts';
import type { Fault } from '../../support/page-blob-server/faults.ts';
import { serverBusy } from '../../support/page-blob-server/faults.ts';
import { BASE, uploadFull, urlOf } from '../../support/patched-blob.ts';
import { expectGoodPage, textOf } from '../../support/report-facts.ts';
import { buildImage, PIECE, spreadDisk } from '../../support/spread-disk.ts';
import { blobUrl, hasCommitted, requestsOf, server, storedBlob, useServer } from '../../support/target-server.ts';
import { patternOf } from '../../support/vhd-builder.ts';

const MIB = 1024 * 1024;
const WINDOWS = 24;
const DISK = spreadDisk(WINDOWS);

useServer();

interface Files {
  readonly image: string;
  readonly report: string;
  readonly log: string;
  readonly manifest: string;
}

async function makeFiles(name?: string): Promise<Files> {
  const image = await buildImage(DISK, name === undefined ? {} : { name });
  return { image, report: `${image}.html`, log: `${image}.log`, manifest: `${image}.manifest` };
}

function recording({ report, log, manifest }: Files): readonly string[] {
  return ['--report', report, '--log-file', log, '--manifest', manifest];
}

async function pageIn(path: string): Promise<string> {
  const page = await readFile(path, 'utf8');
  await expectGoodPage(page);
  return page;
}

/** The cells of the row of a table that starts with `heading`. */
function rowOf(page: string, heading: string): readonly string[] {
  const row = [...page.matchAll(/<tr>(.*?)<\/tr>/gs)]
    .map(([, cells = '']) => cells.split(/<\/t[hd]>/).map(textOf))
    .find(([first = '']) => first.trim().startsWith(heading));
  return (row ?? []).map((cell) => cell.trim());
}

function factOf(page: string, name: string): string | undefined {
  const [, value] = new RegExp(`<dt>${name}</dt><dd>(.*?)</dd>`, 's').exec(page) ?? [];
  return value === undefined ? undefined : textOf(value).trim();
}

/** Answers to Put Page that a log has. */
async function answersIn(log: string): Promise<number> {
  return (await readFile(log, 'utf8')).match(/"what":"Put Page /g)?.length ?? 0;
}

const grouped = (count: number) => count.toLocaleString('en-US');

it('an upload through faults: the numbers are those of the server', async () => {
  const files = await makeFiles();
  const faults: readonly Fault[] = [
    serverBusy(),
    { kind: 'reset-before-read' },
    { kind: 'flip-received-bit' },
    { kind: 'reset-after-commit' },
  ];
  for (const [index, fault] of faults.entries()) {
    server.faults.add({ operation: 'PutPage', range: { offset: index * 4 * MIB, length: 512 }, times: 1 }, fault);
  }
  const outcome = await runHere(['upload', files.image, blobUrl(), ...recording(files)]);
  expect(outcome.exitCode, outcome.stderr).toBe(0);
  expect(outcome.stdout).toContain(`The report is in ${files.report}.`);
  const page = await pageIn(files.report);
  expect(textOf(page)).toContain('Uploaded and verified');

  const puts = requestsOf('PutPage');
  expect(rowOf(page, 'Put Page')).toEqual(['Put Page', grouped(puts.length), '4', grouped(WINDOWS * PIECE + 512), '']);
  expect(factOf(page, 'Requests')).toBe(grouped(server.log.length));
  expect(factOf(page, 'Retries')).toBe('4');
  expect(factOf(page, 'Wrong checksums')).toBe('1');
  expect(rowOf(page, 'Service busy').slice(1, 3)).toEqual(['1', 'ServerBusy']);
  expect(rowOf(page, 'Bytes damaged').slice(1, 3)).toEqual(['1', expect.stringMatching(/^(?:Md5|Crc64)Mismatch$/)]);
  expect(rowOf(page, 'Connection lost')[1]).toBe('2');
  const { etag } = storedBlob();
  expect(factOf(page, 'ETag')).toBe(etag);
  expect(factOf(page, 'Version of the REST API')).toBe(puts[0]?.headers.get('x-ms-version'));
  expect(rowOf(page, 'Sent')[1]).toContain(`${grouped(WINDOWS * PIECE)} bytes`);
  expect(rowOf(page, 'The disk')[1]).toContain(`${grouped(DISK.size)} bytes`);
  // Each cell of the map has the data that the disk has there.
  const rows = [...page.matchAll(/<tr><th scope="row" class="num">(.*?)<\/tr>/g)].map(([row]) =>
    row.split(/<\/t[hd]>/).map(textOf),
  );
  const sent = rows.reduce((sum, cells) => sum + Number(cells[2]?.replaceAll(',', '')), 0);
  expect(sent).toBe(WINDOWS * PIECE);
});

it('a killed and a stopped upload, resumed: the report has all runs, from the option and from the files', async () => {
  const files = await makeFiles();
  const args = ['upload', files.image, blobUrl(), ...recording(files), '--threads', '1', '--max-rate', '1MiB/s'];
  // No other request is sent before the log has the answers to those before it.
  server.faults.add({ operation: 'PutPage', nth: 4 }, { kind: 'stall-answer' });
  const killed = startProgram(args);
  await server.when(() => hasCommitted(4 * PIECE));
  await vi.waitFor(async () => expect(await answersIn(files.log)).toBe(3), { timeout: 60_000 });
  killed.child.kill('SIGKILL');
  await killed.ended;
  await expect(stat(files.report)).rejects.toThrow('ENOENT');

  const ofKill = await runHere(['report', `${files.image}.killed.html`, '--log-file', files.log]);
  expect(ofKill.exitCode, ofKill.stderr).toBe(0);
  expect(textOf(await pageIn(`${files.image}.killed.html`))).toContain('The upload has not ended');

  const stopped = startProgram(args);
  await server.when(() => hasCommitted(10 * PIECE));
  stopped.child.kill('SIGINT');
  expect(await stopped.ended).toMatchObject({
    exitCode: 130,
    stderr: expect.stringContaining(`The report is in ${files.report}.`),
  });
  const ofStop = await pageIn(files.report);
  expect(textOf(ofStop)).toContain('The upload was stopped Stopped by SIGINT.');
  expect(textOf(ofStop)).toContain('Next step: Progress is saved in');

  server.faults.add({ operation: 'PutPage', times: 3 }, serverBusy());
  const last = await runHere(args.slice(0, -4));
  expect(last.exitCode, last.stderr).toBe(0);
  const page = await pageIn(files.report);
  expect([1, 2, 3].map((run) => rowOf(page, `${run}. upload`).at(-2))).toEqual([
    'no end recorded',
    'INTERRUPTED, exit code 130',
    'complete, verified: ranges',
  ]);
  expect(factOf(page, 'Retries')).toBe('3');
  // The process that was killed may have sent a request whose answer it did not see.
  const counted = Number(rowOf(page, 'Put Page')[1]?.replaceAll(',', ''));
  expect(requestsOf('PutPage').length - counted).toBeGreaterThanOrEqual(0);
  expect(requestsOf('PutPage').length - counted).toBeLessThanOrEqual(1);
  expect(rowOf(page, 'Sent')[1]).toContain(`${grouped(WINDOWS * PIECE)} bytes`);
  expect(factOf(page, 'Ranges')).toContain(`${WINDOWS} with a CRC64 each`);

  // Months later, without the image and the service.
  await rm(files.image);
  await server.close();
  const later = `${files.image}.later.html`;
  expect(await runHere(['report', later, '--log-file', files.log, '--manifest', files.manifest])).toMatchObject({
    exitCode: 0,
  });
  const again = await pageIn(later);
  const body = (text: string) =>
    text
      .slice(text.indexOf('<main>'), text.indexOf('<h2 id="origin">'))
      // A log has a time of its own for each event, so that one may count in the next interval of the last run.
      .replace(/<figure>\n<svg class="rate"[^>]* aria-labelledby="rate-2-.*?<\/figure>\n/s, '')
      .replaceAll(/<time[^>]*>[^<]*<\/time>/g, '')
      .replace(/<td class="num">[^<]* (?:s|ms)<\/td>/g, '');
  expect(body(again)).toBe(body(page));

  const alone = `${files.image}.manifest.html`;
  expect(await runHere(['report', alone, '--manifest', files.manifest])).toMatchObject({ exitCode: 0 });
  expect(textOf(await pageIn(alone))).toContain('Upload recorded as complete');
});

it('a verification that finds differences, and a download', async () => {
  const files = await makeFiles('\u78c1\u76d8 <b>&"\u202e.vhd');
  expect(await runHere(['upload', files.image, blobUrl(), '--quiet'])).toMatchObject({ exitCode: 0 });
  storedBlob().write(8 * MIB, Buffer.alloc(512, 7));
  const verified = await runHere(['verify', files.image, blobUrl('r'), '--full', '--report', files.report]);
  expect(verified.exitCode, verified.stderr).toBe(10);
  const page = await pageIn(files.report);
  expect(textOf(page)).toContain('The target does not match the image');
  expect(textOf(page)).toContain('content at 8388608, 512 bytes');
  expect(textOf(page)).toContain('Verification of \u78c1\u76d8 <b>&"\\u{202e}.vhd');
  expect(page).toContain('class="m-wrong"');

  const copy = join(dirname(files.image), 'copy.vhd');
  const downloaded = await runHere(['download', blobUrl('r'), copy, '--report', `${copy}.html`]);
  expect(downloaded.exitCode, downloaded.stderr).toBe(0);
  expect(textOf(await pageIn(`${copy}.html`))).toContain('Downloaded and verified');
});

describe('the file of --report', () => {
  it('is checked before anything is sent', async () => {
    const files = await makeFiles();
    const to = async (path: string) => await runHere(['upload', files.image, blobUrl(), '--report', path]);
    const other = await buildImage(DISK);
    expect(await to(files.image)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Name another file.') });
    expect(await to(other)).toMatchObject({ exitCode: 11, stderr: expect.stringContaining('is not a vhdup report') });
    expect(await to(join(dirname(files.image), 'none', 'a.html'))).toMatchObject({
      exitCode: 11,
      stderr: expect.stringContaining('there is no such folder'),
    });
    expect(await to('-')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('needs the name of a file') });
    for (const option of ['--log-file', '--manifest', '--checkpoint']) {
      const outcome = await runHere(['upload', files.image, blobUrl(), '--report', files.report, option, files.report]);
      expect(outcome, option).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Name another file.') });
    }
    const dry = await runHere(['upload', files.image, '--dry-run', '--report', files.report]);
    expect(dry).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('A dry run writes nothing') });
    expect(server.log).toEqual([]);
    expect(await readdir(dirname(files.image))).toEqual([basename(files.image)]);
  });

  it('keeps the report of a complete upload when the command is repeated, and has the failure if there is none', async () => {
    const files = await makeFiles();
    const args = ['upload', files.image, blobUrl(), '--report', files.report];
    expect(await runHere(args)).toMatchObject({ exitCode: 0 });
    const before = await readFile(files.report, 'utf8');
    expect(await runHere(args)).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('was kept') });
    expect(await readFile(files.report, 'utf8')).toBe(before);
    await rm(files.report);
    expect(await runHere(args)).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining(`The report is in ${files.report}.`),
    });
    const text = textOf(await pageIn(files.report));
    expect(text).toContain('The upload failed');
    expect(text).toContain(files.image);
    expect(text).toContain(new URL(blobUrl()).pathname);
    expect(text, 'nothing was sent').not.toContain('which the service checked');
  });

  it('that something else took meanwhile is a warning: the upload is complete', async () => {
    const files = await makeFiles();
    const taken = server.when(() => requestsOf('PutPage').length > 0).then(() => writeFileSync(files.report, 'mine'));
    const outcome = await runHere(['upload', files.image, blobUrl(), '--report', files.report]);
    await taken;
    expect(outcome.exitCode).toBe(0);
    expect(outcome.stderr).toContain('the file exists and is not a vhdup report');
    expect(outcome.stdout).not.toContain('The report is in');
    expect(await readFile(files.report, 'utf8')).toBe('mine');
  });

  it('has no secret, of whatever kind of credential, after success and failure', async () => {
    const files = await makeFiles();
    const url = blobUrl();
    const signature = new URL(url).searchParams.get('sig') ?? '';
    const pieces = signature.split(/[^A-Za-z0-9]/).filter(({ length }) => length >= 6);
    expect(pieces.length).toBeGreaterThan(0);
    await runHere(['upload', files.image, url, ...recording(files)]);
    await runHere(['report', `${files.image}.2.html`, '--log-file', files.log, '--manifest', files.manifest]);
    await runHere(['upload', files.image, url, '--report', `${files.image}.3.html`]);
    for (const path of [files.report, `${files.image}.2.html`, `${files.image}.3.html`]) {
      const page = await pageIn(path);
      for (const piece of pieces) expect(page).not.toContain(piece);
      expect(page).not.toContain('sv=');
      expect(page).not.toContain(server.key);
    }
  });
});

describe('vhdup report', () => {
  it('does not take its files from the variables of other commands', async () => {
    const files = await makeFiles();
    const args = ['upload', files.image, blobUrl(), '--manifest', files.manifest];
    expect(await runHere(args)).toMatchObject({ exitCode: 0 });
    const environment = { VHDUP_LOG_FILE: `${files.image}.none.log` };
    const made = await runHere(['report', files.report, '--manifest', files.manifest], environment);
    expect(made).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('reads a log that was cut in a line, of several runs, and says so', async () => {
    const files = await makeFiles();
    await runHere(['upload', files.image, blobUrl(), '--log-file', files.log]);
    await runHere(['verify', files.image, blobUrl('r'), '--log-file', files.log]);
    await truncate(files.log, (await stat(files.log)).size - 10);
    expect(await runHere(['report', files.report, '--log-file', files.log])).toMatchObject({ exitCode: 0 });
    const page = await pageIn(files.report);
    expect(textOf(page)).toContain('The last line of the log is incomplete');
    expect(rowOf(page, '1. upload').at(-2)).toBe('complete, verified: ranges');
    expect(rowOf(page, '2. verify').at(-2)).toContain('no end recorded');
    await appendFile(files.log, '\n');
    await runHere(['verify', files.image, blobUrl('r'), '--log-file', files.log]);
    await runHere(['report', files.report, '--log-file', files.log]);
    expect(textOf(await pageIn(files.report))).toContain('The target matches the image');
  });

  it('refuses files of different uploads, other files, and none', async () => {
    const [one, two] = [await makeFiles(), await makeFiles()];
    await runHere(['upload', one.image, blobUrl(), ...recording(one)]);
    await runHere(['upload', two.image, blobUrl(), '--overwrite', ...recording(two)]);
    const report = async (...args: string[]) => await runHere(['report', `${one.image}.new.html`, ...args]);
    expect(await report('--log-file', one.log, '--manifest', two.manifest)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('does not record the upload'),
    });
    expect(await report('--manifest', one.log)).toMatchObject({
      exitCode: 11,
      stderr: expect.stringContaining('it is not a vhdup manifest'),
    });
    expect(await report('--log-file', one.image)).toMatchObject({
      exitCode: 11,
      stderr: expect.stringContaining('it is not a vhdup log'),
    });
    expect(await report('--log-file', `${one.log}.none`)).toMatchObject({
      exitCode: 11,
      stderr: expect.stringContaining('the file does not exist'),
    });
    expect(await report()).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--manifest FILE or --log-file FILE'),
    });
    expect(await readdir(dirname(one.image))).not.toContain(`${basename(one.image)}.new.html`);
    expect(await report('--log-file', two.log)).toMatchObject({ exitCode: 0 });
  });
});

describe('the kinds of uploads', () => {
  /** The parts of the disk, which must be all of it. */
  function partsOf(page: string, size: number): Record<string, number> {
    const rows = [
      'Sent',
      'Skipped: equal to the base',
      'Skipped: read',
      'Skipped: free space',
      'Skipped: not allocated',
    ];
    const bytes = (heading: string) =>
      Number(/([\d,]+) bytes?$/.exec(rowOf(page, heading)[1] ?? '')?.[1]?.replaceAll(',', '') ?? 0);
    const parts = Object.fromEntries(rows.map((heading) => [heading, bytes(heading)]));
    expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(size);
    return parts;
  }

  it('onto a base: what was copied is not sent, and the chain is named', async () => {
    const chain = await buildChain('vhd');
    await uploadFull(chain.paths[0], BASE);
    const report = `${chain.paths[2]}.html`;
    const outcome = await runHere([
      'upload',
      chain.paths[2],
      blobUrl(),
      '--base',
      urlOf(BASE, 'r'),
      '--report',
      report,
    ]);
    expect(outcome.exitCode, outcome.stderr).toBe(0);
    const page = await pageIn(report);
    const parts = partsOf(page, CHAIN_SIZE);
    expect(parts['Skipped: equal to the base']).toBeGreaterThan(MIB);
    const puts = requestsOf('PutPage').filter(({ blob }) => blob === 'disk.vhd');
    expect(parts['Sent']).toBe(puts.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0) - 512);
    for (const path of chain.paths) expect(rowOf(page, basename(path)).at(-2)).toMatch(/^[0-9a-f]{32}$/);
    expect(textOf(page)).toContain('copied from the base');
    expect(rowOf(page, '--base')[1]).toBe(urlOf(BASE).replace(/\?.*/, ''));
  });

  it('to a managed disk, by Add-AzVhd: the disk is named, and how to verify it', async () => {
    const servers = await startManagedDisks({ longRunning: { mode: 'at-once' } });
    try {
      const environment = await signedIn(servers);
      const { image, report } = await makeFiles();
      const args = [
        'add-azvhd',
        '-LocalFilePath',
        image,
        '-DiskName',
        'web01',
        '-ResourceGroupName',
        'rg',
        '-Location',
        'westeurope',
      ];
      const outcome = await runHere([...args, '--arm-endpoint', servers.armEndpoint, '--report', report], environment);
      expect(outcome.exitCode, outcome.stderr).toBe(0);
      const page = await pageIn(report);
      expect(textOf(page)).toContain('Managed disk');
      expect(factOf(page, 'Disk')).toBe('web01');
      expect(textOf(page)).toMatch(/vhdup verify \S+ --disk \/subscriptions\/\S+\/disks\/web01 --full/);
      partsOf(page, DISK.size);
    } finally {
      vi.unstubAllEnvs();
      await servers.close();
    }
  });

  it.skipIf(NO_DISK_TOOLS !== undefined)('without free space: what was left out, volume by volume', async () => {
    const partition = { size: 64, type: 'linux', fileSystem: 'ext4', files: { '/a': 'b' } } as const;
    const image = await makeDisk({ table: 'dos', partitions: [partition] });
    await overwrite(image, 33 * MIB, patternOf(5, 4 * MIB));
    const report = `${image}.html`;
    const outcome = await runHere(['upload', image, blobUrl(), '--skip-free', '--report', report]);
    expect(outcome.exitCode, outcome.stderr).toBe(0);
    const page = await pageIn(report);
    const parts = partsOf(page, (await stat(image)).size);
    expect(parts['Skipped: free space']).toBeGreaterThanOrEqual(4 * MIB);
    expect(rowOf(page, 'partition 1')[1]).toMatch(/^ext4/);
  });
});
