// docs/json-events.schema.json against the real output of every command. No field may be undocumented: the test closes all objects.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { signedIn } from '../support/arm-options.ts';
import { type Outcome, runHere } from '../support/command-line.ts';
import { readDocument } from '../support/documents.ts';
import { makeDisk, NO_DISK_TOOLS, overwrite } from '../support/guest-disk.ts';
import { buildChain } from '../support/image-chain.ts';
import { startManagedDisks } from '../support/managed-disks.ts';
import { serverBusy } from '../support/page-blob-server/faults.ts';
import { GPT_TYPES, writeGpt, writeMbr } from '../support/partition-table-builder.ts';
import { BASE, uploadFull, urlOf } from '../support/patched-blob.ts';
import { BLOB, blobUrl, CONTAINER, hasCommitted, server, storedBlob, useServer } from '../support/target-server.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

type Schema = { readonly [key: string]: unknown };

const schema = JSON.parse(await readDocument('docs/json-events.schema.json')) as Schema & {
  readonly $defs: Readonly<Record<string, Schema>>;
};
const KINDS = Object.keys(schema.$defs);

/** Forbids fields that are not listed. The published schema allows them, because later versions may add some. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, closed(one)] as const);
  const isObject = 'type' in value && value.type === 'object' && 'properties' in value;
  return { ...Object.fromEntries(entries), ...(isObject ? { additionalProperties: false } : {}) };
}

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strict: true });
formats.default(ajv);
ajv.addSchema(closed(schema) as Schema, 'lines');

const seen = new Set<string>();

/** @param kind - A definition of the schema. */
function expectKind(line: object, kind: string): void {
  const validate = ajv.getSchema(`lines#/$defs/${kind}`);
  expect(validate, `there is no definition ${kind}`).toBeDefined();
  validate?.(line);
  expect(ajv.errorsText(validate?.errors), `${kind}: ${JSON.stringify(line)}`).toBe('No errors');
  seen.add(kind);
}

/** Checks every line. @param result - The kind of the last line. @returns the lines. */
function expectLines({ stdout, stderr }: Outcome, result: string): readonly Record<string, unknown>[] {
  expect(stdout, stderr).toMatch(/^[\n\x20-\x7e]+$/);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  for (const line of lines.slice(0, -1)) expectKind(line, String(line['type']));
  expectKind(lines.at(-1) ?? {}, result);
  return lines;
}

async function json(args: readonly string[], result: string, environment: NodeJS.ProcessEnv = {}) {
  return expectLines(await runHere([...args, '--json', '--verbose'], environment), result);
}

async function makeImage(name = '\u78c1\u76d8 \u{1f4be}.vhd', size = 16 * MIB): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await buildVhd(path, { type: 'dynamic', size, contents: [{ offset: MIB, bytes: patternOf(1, size / 2) }] });
  return path;
}

useServer();
beforeEach(() => vi.unstubAllEnvs());

it('the schema is a valid one, and knows the kinds of lines that the page describes', async () => {
  expect(ajv.validateSchema(schema)).toBe(true);
  const page = await readDocument('docs/json-events.md');
  const headings = [...page.matchAll(/^### `([a-z-]+)`$/gm)].map(([, name = '']) => name);
  for (const kind of headings.filter((name) => name !== 'result')) expect(KINDS).toContain(kind);
  for (const kind of KINDS.filter((name) => 'properties' in (schema.$defs[name] ?? {}))) {
    const { properties = {} } = schema.$defs[kind] as { readonly properties?: Schema };
    const isLine = 'const' in ((properties['type'] ?? {}) as Schema);
    if (isLine && !kind.startsWith('result-')) expect(headings).toContain(kind);
  }
});

it('a field that is not listed, and one that is missing, are found', () => {
  const time = new Date().toISOString();
  const saved = { type: 'saved', time, checkpoint: 'a' };
  expectKind(saved, 'saved');
  expect(() => expectKind({ ...saved, more: 1 }, 'saved')).toThrow();
  expect(() => expectKind({ type: 'saved', time }, 'saved')).toThrow();
  expect(() => expectKind({ ...saved, time: 'today' }, 'saved')).toThrow();
});

describe('a blob', () => {
  it('is uploaded, not replaced, verified, downloaded and checked', async () => {
    const image = await makeImage();
    const log = `${image}.log`;
    const uploaded = await json(['upload', image, blobUrl(), '--content-md5', '--log-file', log], 'result-upload');
    await json(['report', `${image}.html`, '--log-file', log], 'result-report');
    expect(uploaded.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['start', 'progress', 'phase', 'request', 'debug', 'saved']),
    );
    const progress = uploaded.filter(({ type }) => type === 'progress');
    expect(progress.at(-1)).toMatchObject({ fraction: 1 });
    expect(uploaded[0]?.['time']).toMatch(/^\d{4}-/);
    await json(['upload', image, blobUrl()], 'error');
    expect((await json(['verify', image, blobUrl()], 'result-verify')).at(-1)).toMatchObject({ matches: true });
    await json(['verify', image, blobUrl(), '--full'], 'result-verify');
    await json(['download', blobUrl('r'), `${image}.copy`], 'result-download');
    await json(['download', blobUrl('r'), `${image}.vhdx`], 'result-download');
    await json(['check', image, '--destination', blobUrl('r')], 'result-check');
    storedBlob().write(MIB, patternOf(9, 512));
    expect((await json(['verify', image, blobUrl(), '--full'], 'result-verify')).at(-1)).toMatchObject({
      matches: false,
    });
  });

  /** Uploads until this much has arrived, and stops as Ctrl-C does. */
  async function stopped(image: string, bytes: number): Promise<readonly Record<string, unknown>[]> {
    const arrived = server.when(() => hasCommitted(bytes)).then(() => process.emit('SIGINT'));
    const lines = await json(['upload', image, blobUrl(), '--max-rate', '4MiB/s'], 'error');
    await arrived;
    return lines;
  }

  it('is listed and given up when it was stopped', async () => {
    const image = await makeImage('disk.vhd', 64 * MIB);
    const last = (await stopped(image, 4 * MIB)).at(-1);
    expect(last).toMatchObject({ code: 'INTERRUPTED', exitCode: 130, nextStep: expect.any(String) });
    const listed = await json(['list', dirname(image)], 'result-list');
    expect(listed.at(-1)).toMatchObject({ unfinished: [{ kind: 'upload' }] });
    await json(['abort', image, blobUrl('rwd'), '--yes'], 'result-abort');
  });

  it('is resumed when it was stopped', async () => {
    const image = await makeImage('disk.vhd', 64 * MIB);
    await stopped(image, 4 * MIB);
    const lines = await json(['upload', image, blobUrl()], 'result-upload');
    expect(lines.find(({ type }) => type === 'start')).toHaveProperty('resumedFrom');
  });

  it('is retried while the service is busy', async () => {
    server.faults.add({ operation: 'PutPage', times: 2 }, serverBusy());
    const lines = await json(['upload', await makeImage(), blobUrl()], 'result-upload');
    expect(lines.some(({ type }) => type === 'retry')).toBe(true);
  });

  it('is waited for with another SAS', async () => {
    const image = await makeImage('disk.vhd', 64 * MIB);
    const sas = join(await temporaryFolder(), 'sas.txt');
    await writeFile(sas, blobUrl());
    const url = server.urlOf(CONTAINER, BLOB);
    const args = ['upload', image, url, '--sas-file', sas, '--max-rate', '8MiB/s'];
    const expired = server
      .when(() => hasCommitted(2 * MIB))
      .then(() => {
        server.expireSas();
        return writeFile(sas, blobUrl());
      });
    const lines = await json(args, 'result-upload');
    await expired;
    expect(lines.some(({ type }) => type === 'credential')).toBe(true);
  });

  it('is a patched copy of a base', async () => {
    const chain = await buildChain('vhd');
    await uploadFull(chain.paths[1], BASE, { contentMd5: true });
    server.copies.pendingLooks = 2;
    const base = ['--base', urlOf(BASE, 'r')];
    await json(['upload', chain.paths[2], blobUrl(), ...base, '--dry-run'], 'result-plan');
    const lines = await json(['upload', chain.paths[2], blobUrl(), ...base], 'result-upload');
    expect(lines.some(({ type }) => type === 'copying')).toBe(true);
  });

  it('gets the SAS of the Marketplace', async () => {
    const environment = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
    const lines = await json(['sas', `${CONTAINER}/${BLOB}`, '--for', 'marketplace'], 'result-sas', environment);
    expect(lines[0]).toMatchObject({ type: 'warning', code: 'secret-printed' });
  });
});

describe('an image', () => {
  it('is planned, converted, inspected and checked', async () => {
    const image = await makeImage();
    await json(['upload', image, '--dry-run'], 'result-plan');
    const vhdx = `${image}.vhdx`;
    await json(['convert', image, vhdx], 'result-convert');
    for (const path of [image, vhdx]) {
      await json(['inspect', path, '--scan'], 'result-inspect');
      await json(['check', path], 'result-check');
      await json(['inspect', 'header', path], 'result-structures');
      await json(['inspect', 'bat', path, '--all'], 'result-structures');
    }
    await json(['inspect', 'footer', image], 'result-structures');
    const [, child] = (await buildChain('vhdx')).paths;
    await json(['inspect', child], 'result-inspect');
  });

  it.skipIf(NO_DISK_TOOLS !== undefined)('is sent without its free space', async () => {
    const files = { '/etc/os-release': 'NAME=Debian\nVERSION_ID="12"\n' };
    const partition = { size: 64, type: 'linux', fileSystem: 'ext4', files } as const;
    const image = await makeDisk({ table: 'dos', partitions: [partition] });
    // What a deleted file left.
    await overwrite(image, 33 * MIB, patternOf(5, 4 * MIB));
    const lines = await json(['inspect', image, '--scan'], 'result-inspect');
    expect(lines.at(-1)).toMatchObject({ disk: { volumes: [{ system: { version: '12' } }] } });
    await json(['upload', image, '--dry-run'], 'result-plan');
    await json(['upload', image, '--dry-run', '--skip-free'], 'result-plan');
    const sent = await json(['upload', image, blobUrl(), '--skip-free'], 'result-upload');
    expect(sent.map(({ type }) => type)).toContain('free-space');
    await json(['verify', image, blobUrl()], 'result-verify');
    await json(['convert', image, `${image}.vhd`, '--skip-free=free'], 'result-convert');
    await json(['download', blobUrl('r'), `${image}.raw`, '--format', 'raw', '--skip-free'], 'result-download');
  });

  it('with partitions is inspected and checked', async () => {
    const gpt = Buffer.alloc(64 * MIB);
    writeGpt(gpt, [
      { type: GPT_TYPES.efi, first: 2048n, last: 4095n, name: 'EFI \u7cfb\u7edf' },
      { type: GPT_TYPES.linux, first: 4096n, last: 8191n },
    ]);
    const mbr = Buffer.alloc(64 * MIB);
    writeMbr(mbr, [{ slot: 1, type: 0x83, first: 2048, count: 4096, active: true }]);
    for (const [name, disk] of Object.entries({ gpt, mbr })) {
      const path = join(await temporaryFolder(), `${name}.img`);
      await writeFile(path, disk);
      const lines = await json(['inspect', path], 'result-inspect');
      expect(lines.at(-1)).toMatchObject({ disk: { layout: { table: { scheme: name } } } });
      await json(['check', path], 'result-check');
    }
  });

  it('that cannot be read is an error, or is inspected as far as possible', async () => {
    const folder = await temporaryFolder();
    const broken = join(folder, 'broken.vhd');
    await writeFile(broken, patternOf(3, 4096));
    await json(['check', join(folder, 'absent.vhd')], 'error');
    await json(['convert', broken, join(folder, 'out.vhd')], 'error');
    const [base, child] = (await buildChain('vhd')).paths;
    await writeFile(base, '');
    expect((await json(['inspect', child], 'result-inspect')).at(-1)).toHaveProperty('exitCode');
  });
});

describe('a managed disk', () => {
  it('is uploaded, shown, given up and made an image', async () => {
    const servers = await startManagedDisks({
      longRunning: { mode: 'at-once' },
      disks: [{ name: 'linux', state: 'Unattached', properties: { osType: 'Linux', hyperVGeneration: 'V2' } }],
    });
    try {
      const environment = await signedIn(servers);
      const place = ['-g', 'rg', '--arm-endpoint', servers.armEndpoint];
      const image = await makeImage('disk.vhd', 32 * MIB);
      const disk = ['--disk', 'web01', '-l', 'westeurope', '--os-type', 'linux', '--generation', '1', ...place];
      await json(['upload', image, ...disk, '--dry-run'], 'result-plan', environment);
      const lines = await json(['upload', image, ...disk], 'result-upload', environment);
      expect(lines.some(({ type }) => type === 'arm')).toBe(true);
      expect(lines.map(({ message }) => message)).toContain('Signed in to Microsoft Entra with a managed identity.');
      await json(['disk', 'status', 'web01', ...place], 'result-disk-status', environment);
      await json(['disk', 'abort', 'absent', '--yes', ...place], 'result-disk-abort', environment);
      const create = ['image', 'create', 'web', '--disk', 'linux', ...place];
      await json([...create, '--dry-run'], 'result-image-plan', environment);
      await json(create, 'result-image-create', environment);
      await json(['image', 'status', 'web', ...place], 'result-image-status', environment);
    } finally {
      await servers.close();
    }
  });
});

describe('the other commands', () => {
  it('print a line of a known kind too', async () => {
    await json(['list', await temporaryFolder()], 'result-list');
    await json(['completion', 'bash'], 'result-completion');
    await json(['powershell'], 'result-powershell');
    await json(['version'], 'result-version');
    await json(['upload'], 'error');
    await json(['sideload'], 'error');
    await json(['upload', 'a.vhd', 'b/c', '--max-rate', 'fast'], 'error');
  });

  it('stand for cmdlets, and print one object without a type', async () => {
    const image = await makeImage();
    const uploaded = await runHere(['add-azurevhd', blobUrl(), image, '--json']);
    expectKind(JSON.parse(uploaded.stdout), 'add-azurevhd');
    const saved = await runHere(['save-azvhd', '-Source', blobUrl('r'), '-LocalFilePath', `${image}.new`, '--json']);
    expectKind(JSON.parse(saved.stdout), 'save-azvhd');
  });
});

describe('the test', () => {
  it('has seen every kind of line, and the result of every command', () => {
    const lines = KINDS.filter((kind) => 'properties' in (schema.$defs[kind] ?? {}));
    const parts = ['image-facts', 'partition', 'problem', 'volume-free-space'];
    expect(lines.filter((kind) => !seen.has(kind) && !parts.includes(kind))).toEqual([]);
    const results = KINDS.filter((kind) => kind.startsWith('result-')).map((kind) =>
      String((schema.$defs[kind] as { readonly description?: string }).description ?? ''),
    );
    for (const { name } of COMMANDS)
      expect(
        results.some((text) => text.startsWith(`vhdup ${name}`)),
        name,
      ).toBe(true);
  });
});

afterAll(() => vi.unstubAllEnvs());
