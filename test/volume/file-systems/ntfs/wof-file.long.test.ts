// Files compressed by WOF. wimlib compresses them, because only Windows stores such files itself.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openNtfs } from '../../../../src/volume/file-systems/ntfs/ntfs-file-system.ts';
import { Picker } from '../../../hostile/random.ts';
import { sampleBytes } from '../../../support/ntfs-files.ts';
import { makeNtfsVolume, NO_NTFS_TOOLS, setReparsePoint, volumeOfImage } from '../../../support/ntfs-volume.ts';

const WOF = 0x80000017;
const ALGORITHMS = [
  { name: 'XPRESS4K', number: 0, wim: 'xpress', chunk: 4096 },
  { name: 'LZX', number: 1, wim: 'lzx', chunk: 32_768 },
  { name: 'XPRESS8K', number: 2, wim: 'xpress', chunk: 8192 },
  { name: 'XPRESS16K', number: 3, wim: 'xpress', chunk: 16_384 },
];

const folder = mkdtempSync(join(tmpdir(), 'vhdup-ntfs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function whyNoWof(): string | undefined {
  if (NO_NTFS_TOOLS !== undefined) return NO_NTFS_TOOLS;
  try {
    execFileSync('wimlib-imagex', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'wimlib-imagex is absent (Debian: apt-get install wimtools)';
  }
}

/** Text, machine code with calls, and noise. */
function samples(): Buffer[] {
  const pick = new Picker(5);
  const program = readFileSync(process.execPath).subarray(4_000_000, 4_300_001);
  return [
    sampleBytes(pick, 100_000).fill('A sentence that repeats. '),
    program,
    sampleBytes(pick, 200_000),
    sampleBytes(pick, 32_768),
  ];
}

/** The stored chunks of a file and their table: a resource of a WIM has the same form as the stream of WOF. */
function compressed(bytes: Buffer, wim: string, chunk: number): Buffer {
  const source = mkdtempSync(join(folder, 'source-'));
  mkdirSync(join(source, 'files'));
  writeFileSync(join(source, 'files/file'), bytes);
  const image = join(source, 'image.wim');
  const options = [`--compress=${wim}`, `--chunk-size=${chunk}`, '--no-acls'];
  execFileSync('wimlib-imagex', ['capture', join(source, 'files'), image, ...options], { stdio: 'ignore' });
  const blobs = execFileSync('wimlib-imagex', ['info', image, '--blobs'], { encoding: 'utf8' });
  const found = new RegExp(
    `= ${bytes.length} bytes\\nCompressed size\\s+= (\\d+) bytes\\nOffset in WIM\\s+= (\\d+)`,
  ).exec(blobs);
  const [stored, offset] = [Number(found?.[1]), Number(found?.[2])];
  return readFileSync(image).subarray(offset, offset + stored);
}

const reason = whyNoWof();

describe.skipIf(reason !== undefined)(`a file compressed by WOF ${reason ?? ''}`, () => {
  it.each(ALGORITHMS)('with $name is read as it was', async ({ number, wim, chunk }) => {
    const files = samples();
    const image = makeNtfsVolume({
      folder,
      size: 16,
      fill: (mountPoint) => {
        for (const [index, bytes] of files.entries()) {
          const path = join(mountPoint, `file-${index}`);
          writeFileSync(path, Buffer.alloc(bytes.length));
          writeFileSync(`${path}:WofCompressedData`, compressed(bytes, wim, chunk));
          setReparsePoint(path, WOF, Buffer.from(Uint32Array.of(1, 2, 1, number).buffer));
        }
      },
    });
    const opened = await openNtfs(volumeOfImage(image));
    for (const [index, bytes] of files.entries()) {
      expect(await opened.stat(`/file-${index}`)).toEqual({ kind: 'file', size: bytes.length });
      expect(bytes.equals(await opened.read(`/file-${index}`, 0, bytes.length))).toBe(true);
      const part = await opened.read(`/file-${index}`, 30_001, 5000);
      expect(bytes.subarray(30_001, 35_001).equals(part)).toBe(true);
    }
  });
});
