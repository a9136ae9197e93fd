// The six VHDs of the acceptance suite of Add-AzureVhd, and images of other tools, with a real server and real readers.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertImage } from '../../src/convert/convert.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { azcopyDownload, findAzcopy } from '../support/azcopy.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../support/qemu.ts';
import { type AcceptanceVhd, buildAcceptanceSuite } from '../support/vhd-acceptance-suite.ts';

const CONTAINER = 'vhds';
const NAMES = [
  'dynamic_50',
  'dynamic_50_child01',
  'dynamic_50_child02',
  'fixed_50',
  'fixed_50_child01',
  'fixed_50_child02',
];

let folder: string;
let azurite: Azurite;
let suite: Map<string, AcceptanceVhd>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vhdup-acceptance-'));
  suite = new Map((await buildAcceptanceSuite(folder)).map((vhd) => [vhd.name, vhd]));
  azurite = await startAzurite();
  await azurite.createContainer(CONTAINER);
});

afterAll(async () => {
  await azurite?.close();
  await rm(folder, { recursive: true, force: true });
});

function vhdNamed(name: string): AcceptanceVhd {
  const vhd = suite.get(name);
  if (vhd === undefined) throw new Error(`The suite has no ${name}.`);
  return vhd;
}

async function sha256(path: string, options: { start?: number; end?: number } = {}): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, options)) hash.update(piece);
  return hash.digest('hex');
}

describe.each(NAMES)('%s', (name) => {
  it('converts to the disk and a footer that qemu-img accepts', async (context) => {
    const { path, disk } = vhdNamed(name);
    const output = join(folder, `${name}.fixed.vhd`);
    await convertImage({ image: path, output });
    const bytes = await readFile(output);
    expect(bytes.length).toBe(disk.length + 512);
    expect(bytes.subarray(0, disk.length).equals(disk)).toBe(true);
    if (!hasQemuImg) context.skip(NO_QEMU_IMG);
    const raw = join(folder, `${name}.qemu.raw`);
    // By default, qemu-img derives the size of VHDs of unknown creators from the geometry, which is too small by up to a cylinder.
    const source = `driver=vpc,force_size_calc=current_size,file.driver=file,file.filename=${output}`;
    await qemuImg('convert', '--image-opts', '-O', 'raw', source, raw);
    expect((await readFile(raw)).equals(disk)).toBe(true);
  });

  it('arrives in Azurite as convert writes it, and AzCopy downloads the same bytes', async (context) => {
    const { path } = vhdNamed(name);
    const blob = `${name}.vhd`;
    await uploadImage({ image: path, destination: azurite.sasUrl({ container: CONTAINER, blob, permissions: 'rw' }) });
    const output = join(folder, `${name}.expected.vhd`);
    await convertImage({ image: path, output });
    const url = azurite.sasUrl({ container: CONTAINER, blob, permissions: 'r' });
    const body = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(body.equals(await readFile(output))).toBe(true);

    const azcopy = await findAzcopy();
    if (azcopy.path === undefined) return context.skip(azcopy.reason);
    const downloaded = join(folder, `${name}.azcopy.vhd`);
    const { exitCode, output: said } = await azcopyDownload(url, downloaded);
    expect(exitCode, said).toBe(0);
    expect(await sha256(downloaded)).toBe(await sha256(output));
  });

  it('converts to a raw disk that is sparse', async () => {
    const { path, disk } = vhdNamed(name);
    const output = join(folder, `${name}.raw`);
    await convertImage({ image: path, output, raw: true });
    expect((await readFile(output)).equals(disk)).toBe(true);
    if (process.platform !== 'win32') expect((await stat(output)).blocks * 512).toBeLessThan(disk.length / 2);
  });
});
