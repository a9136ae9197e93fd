import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalFileError } from '../../src/errors.ts';
import { readManifest } from '../../src/report/read-manifest.ts';
import { encodeEnd, encodeHeader, encodeWindow } from '../../src/state/manifest.ts';
import { DISK_SIZE, MIB, manifestFacts } from '../support/report-facts.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const HEADER = encodeHeader(manifestFacts().header);
const CHECKSUM = 'ab'.repeat(8);
const run = (offset: number, length: number) => ({ offset, length, checksum: CHECKSUM });
const windowLine = (offset: number, ...runs: ReturnType<typeof run>[]) =>
  encodeWindow({ window: { offset, length: 4 * MIB }, runs });
const END = encodeEnd({ footer: run(DISK_SIZE, 512), bytes: 3 * MIB + 512, pages: '1'.repeat(16) });

async function manifestOf(...lines: readonly string[]): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.manifest');
  await writeFile(path, lines.join(''));
  return path;
}

describe('readManifest', () => {
  it('counts windows, ranges and bytes, and a window that was sent again once', async () => {
    const path = await manifestOf(
      HEADER,
      windowLine(4 * MIB, run(4 * MIB, MIB), run(6 * MIB, MIB)),
      windowLine(0),
      windowLine(4 * MIB, run(4 * MIB, MIB), run(6 * MIB, MIB)),
      windowLine(60 * MIB, run(63 * MIB, MIB)),
      END,
    );
    const facts = await readManifest(path);
    expect(facts).toMatchObject({ windows: 3, ranges: 3, windowBytes: 12 * MIB, sent: 3 * MIB, path });
    expect(facts.end?.bytes).toBe(3 * MIB + 512);
    expect(facts.sha256).toBe(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
    const sum = (cells: readonly number[] = []) => cells.reduce((total, bytes) => total + bytes, 0);
    expect(sum(facts.map.moved)).toBe(3 * MIB);
    expect(sum(facts.map.read)).toBe(12 * MIB);
  });

  it('reads a manifest of an upload that was not completed, and one that ends in a line', async () => {
    const path = await manifestOf(HEADER, windowLine(0, run(0, MIB)), END.slice(0, 20));
    expect(await readManifest(path)).toMatchObject({ end: undefined, windows: 1, sent: MIB });
  });

  it.each([
    ['something else', 'conectix\n', 'it is not a vhdup manifest'],
    ['nothing', '', 'it is not a vhdup manifest'],
    ['one of a later version', HEADER.replace('"vhdupManifest":1', '"vhdupManifest":9'), 'it is not a vhdup manifest'],
    ['a line that is not one', `${HEADER}{"window":[0]}\n`, `the line at byte ${HEADER.length} is not valid`],
    ['a window outside of the disk', HEADER + windowLine(DISK_SIZE), 'is not valid'],
    [
      'a disk that is too large',
      HEADER.replace(`"diskSize":${DISK_SIZE}`, '"diskSize":9007199254740991'),
      'it is not a vhdup manifest',
    ],
  ])('refuses %s', async (_, content, reason) => {
    const error = await failureOf(readManifest(await manifestOf(content)));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain(reason);
    expect(error.message).toContain('--manifest');
  });
});
