// The library as other programs use it: as a package, and bundled into one file.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PageBlobServer, startPageBlobServer } from './support/page-blob-server/server.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from './support/vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from './support/vhd-fixtures.ts';

const execute = promisify(execFile);
const MIB = 1024 * 1024;
const LIBRARY = resolve('dist/index.js');

/** Counts threads that have answered: two for an upload with an MD5, one for a verification. */
const COUNT_THREADS = `const answering = new Set();
process.on('worker', (worker) => worker.once('message', () => answering.add(worker)));`;

/** A program that uploads, verifies, converts and checks, and prints the results and the number of threads. */
const PROGRAM = `
import { checkImage, convertImage, uploadImage, verifyBlob } from ${JSON.stringify(LIBRARY)};
const [image, destination, output] = process.argv.slice(2);
${COUNT_THREADS}
async function main() {
  const remote = { image, destination };
  const { contentMd5 } = await uploadImage({ ...remote, contentMd5: true });
  const { matches } = await verifyBlob({ ...remote, full: true, checksum: 'md5' });
  await convertImage({ image, output });
  const { findings } = await checkImage({ image });
  console.log(JSON.stringify({ matches, contentMd5, checks: findings.length > 0, threads: answering.size }));
}
main();
`;

const LOCAL_PROGRAM = `
import { checkImage, convertImage } from ${JSON.stringify(LIBRARY)};
const [image, output] = process.argv.slice(2);
convertImage({ image, output })
  .then(() => checkImage({ image }))
  .then(({ findings }) => console.log(findings.length > 0));
`;

/** What the packages of Azure need from a bundler; docs/library.md describes it. */
const FOR_MODULES =
  "import { createRequire as forBundle } from 'node:module'; const require = forBundle(import.meta.url);";
const FOR_COMMONJS = "const urlOfBundle = require('node:url').pathToFileURL(__filename).href;";

let server: PageBlobServer;

beforeAll(async () => {
  server = await startPageBlobServer();
  server.createContainer('vhds');
});

afterAll(() => server.close());

const SIZE = 12 * MIB;
const CONTENTS = [
  { offset: 4 * MIB - 4096, bytes: patternOf(1, 64 * 1024) },
  { offset: 9 * MIB, bytes: patternOf(2, 4096) },
];

/** Runs the program and compares the blob with the image. */
async function run(script: string, folder: string) {
  const image = join(folder, 'disk.vhd');
  await buildVhd(image, { type: 'dynamic', size: SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(1) });
  const output = join(folder, 'output.vhd');
  const blob = `${basename(folder)}.vhd`;
  const destination = server.sasUrl({ container: 'vhds', blob, permissions: 'rw' });
  // In its own folder, from which this package cannot be found.
  const { stdout, stderr } = await execute(process.execPath, [script, image, destination, output], { cwd: folder });
  const vhd = await readFile(output);
  expectSameBytes(vhd.subarray(0, SIZE), diskOf(SIZE, CONTENTS));
  expectSameBytes(server.blob('vhds', blob).read(0, SIZE + 512), vhd);
  const contentMd5 = createHash('md5').update(vhd).digest('base64');
  expect(JSON.parse(stdout)).toMatchObject({ matches: true, contentMd5, checks: true });
  return { threads: JSON.parse(stdout).threads, stderr };
}

async function writeProgram(): Promise<{ folder: string; source: string }> {
  const folder = await temporaryFolder();
  const source = join(folder, 'program.mjs');
  await writeFile(source, PROGRAM);
  return { folder, source };
}

describe('the library', () => {
  it('works as a package, with threads', async () => {
    const { folder, source } = await writeProgram();
    expect(await run(source, folder)).toEqual({ threads: 3, stderr: '' });
  });

  it.each([
    ['a module', { format: 'esm', outfile: 'bundle.mjs', banner: { js: FOR_MODULES } }],
    ['minified, its packages beside it', { format: 'esm', outfile: 'bundle.mjs', minify: true, packages: 'external' }],
    [
      'CommonJS',
      {
        format: 'cjs',
        outfile: 'bundle.cjs',
        banner: { js: FOR_COMMONJS },
        define: { 'import.meta.url': 'urlOfBundle' },
      },
    ],
  ] as const)('works when it is bundled into one file (%s), without threads', async (_, options) => {
    const { folder, source } = await writeProgram();
    const outfile = join(folder, options.outfile);
    if ('packages' in options) await symlink(resolve('node_modules'), join(folder, 'node_modules'), 'junction');
    await build({ ...options, entryPoints: [source], outfile, bundle: true, platform: 'node', logLevel: 'error' });
    expect(await run(outfile, folder)).toEqual({ threads: 0, stderr: '' });
  });

  it('has threads in the command line, which is also one file', async () => {
    const { folder, source } = await writeProgram();
    await writeFile(source, `${COUNT_THREADS} process.on('exit', () => console.error('threads', answering.size));`);
    const image = join(folder, 'disk.vhd');
    await buildVhd(image, { type: 'dynamic', size: SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(1) });
    const destination = server.sasUrl({ container: 'vhds', blob: 'cli.vhd', permissions: 'rw' });
    const args = [
      '--import',
      source,
      resolve('bin/vhdup.js'),
      'upload',
      image,
      destination,
      '--content-md5',
      '--quiet',
    ];
    expect((await execute(process.execPath, args)).stderr).toBe('threads 2\n');
    expectSameBytes(server.blob('vhds', 'cli.vhd').read(0, SIZE), diskOf(SIZE, CONTENTS));
  });

  it('converts and checks in CommonJS without import.meta', async () => {
    const { folder, source } = await writeProgram();
    await writeFile(source, LOCAL_PROGRAM);
    const image = join(folder, 'disk.vhd');
    await buildVhd(image, { type: 'fixed', size: SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(1) });
    const outfile = join(folder, 'bundle.cjs');
    await build({ entryPoints: [source], outfile, bundle: true, format: 'cjs', platform: 'node', logLevel: 'silent' });
    const output = join(folder, 'output.vhd');
    const { stdout } = await execute(process.execPath, [outfile, image, output], { cwd: folder });
    expect(stdout).toBe('true\n');
    expectSameBytes((await readFile(output)).subarray(0, SIZE), diskOf(SIZE, CONTENTS));
  });
});
