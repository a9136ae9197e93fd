import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { captureOutput } from '../support/captured-output.ts';
import { filesEndingWith, ROOT } from '../support/documents.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { connectionString } from '../support/storage-account.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
/** Every program that a test below runs. */
const TESTED = ['check', 'inspect', 'own-credential', 'upload', 'verify'];

let server: PageBlobServer;

beforeAll(async () => {
  server = await startPageBlobServer();
  server.createContainer('vhds');
});

afterEach(() => vi.unstubAllEnvs());

afterAll(() => server.close());

interface Ended {
  readonly code: number;
  readonly out: string;
}

let runs = 0;

/** Runs an example with the built package, in this process: a new process would take seconds to start. */
async function run(name: string, args: readonly string[]): Promise<Ended> {
  const written = captureOutput();
  const before = process.argv;
  process.argv = [process.execPath, `${name}.ts`, ...args];
  try {
    runs += 1;
    // A new address makes a new module, so the program runs again.
    await import(/* @vite-ignore */ `${join(ROOT, 'examples', `${name}.ts`).replaceAll('\\', '/')}?run=${runs}`);
    return { code: Number(process.exitCode ?? 0), out: written.out };
  } finally {
    process.argv = before;
    process.exitCode = undefined;
  }
}

async function makeImage(): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: 8 * MIB, contents: [{ offset: MIB, bytes: patternOf(1, 64 * 1024) }] });
  return path;
}

describe('the examples', () => {
  it('are all tested here', async () => {
    const programs = (await filesEndingWith('.ts')).filter((path) => path.startsWith('examples/'));
    expect(programs).toEqual(TESTED.map((name) => `examples/${name}.ts`));
  });

  it('upload an image, verify it, and find a later change', async () => {
    const image = await makeImage();
    const url = server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' });
    const uploaded = await run('upload', [image, url]);
    expect(uploaded.code).toBe(0);
    expect(uploaded.out).toContain('100 %\nUploaded http://');

    const verified = await run('verify', [image, url]);
    expect(verified.code).toBe(0);
    expect(verified.out).toContain(`matches ${image}.`);

    const blob = server.blob('vhds', 'disk.vhd');
    blob.write(
      MIB,
      blob.read(MIB, 512).map((byte) => byte ^ 0xff),
    );
    const changed = await run('verify', [image, url]);
    expect(changed.code).toBe(10);
    expect(changed.out).toContain(`content at ${MIB}, 512 bytes`);

    expect((await run('upload', [image, url])).code).toBe(6);
  });

  it('upload with their own credential', async () => {
    vi.stubEnv('DISKS_CONNECTION_STRING', connectionString(server));
    const { code, out } = await run('own-credential', [await makeImage(), 'made/by/example.vhd']);
    expect(code).toBe(0);
    expect(out).toContain('/made/by/example.vhd.');
    expect(server.blob('made', 'by/example.vhd').size).toBe(8 * MIB + 512);
  });

  it('check an image and report what must be fixed', async () => {
    const { code, out } = await run('check', [await makeImage()]);
    expect(code).toBe(0);
    expect(out).toMatch(/^fail: .*\n {2}\S.*\n(?:.*\n)*Result: fail\n$/);
  });

  it('print the facts of an image as JSON', async () => {
    const { out } = await run('inspect', [await makeImage()]);
    expect(JSON.parse(out)).toMatchObject({ format: 'vhd-dynamic', size: 8 * MIB, partitions: 0 });
  });
});
