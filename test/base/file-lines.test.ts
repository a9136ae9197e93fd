import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FileLine, linesOf } from '../../src/base/file-lines.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

async function linesIn(content: string, maxLine: number, end?: number): Promise<FileLine[]> {
  const path = join(await temporaryFolder(), 'lines');
  await writeFile(path, content);
  const handle = await open(path);
  try {
    const lines: FileLine[] = [];
    for await (const line of linesOf(handle, maxLine, end)) lines.push(line);
    return lines;
  } finally {
    await handle.close();
  }
}

describe('linesOf', () => {
  it('yields complete lines with their places, and leaves an incomplete one out', async () => {
    expect(await linesIn('one\n\n\u00e4\nrest', 100)).toEqual([
      { text: 'one', position: 0, length: 3 },
      { text: '', position: 4, length: 0 },
      { text: '\u00e4', position: 5, length: 2 },
    ]);
    expect(await linesIn('', 100)).toEqual([]);
  });

  it('stops at the end that is asked for', async () => {
    expect((await linesIn('one\ntwo\nthree\n', 100, 8)).map(({ text }) => text)).toEqual(['one', 'two']);
    expect((await linesIn('one\ntwo\nthree\n', 100, 7)).map(({ text }) => text)).toEqual(['one']);
  });

  it('yields the beginning of a line that is too long once, and the lines after it', async () => {
    const long = 'x'.repeat(3 * 1024 * 1024);
    const lines = await linesIn(`a\n${long}\nb\n${long}`, 1024);
    expect(lines.map(({ text, position }) => ({ text, position }))).toEqual([
      { text: 'a', position: 0 },
      { text: undefined, position: 2 },
      { text: 'b', position: 3 + long.length },
      { text: undefined, position: 5 + long.length },
    ]);
  });

  it('finds the same lines as splitting the whole text', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', '\u00e4', '\u{1f4be}') });
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.boolean(), async (lines, isComplete) => {
        const content = lines.join('\n') + (isComplete && lines.length > 0 ? '\n' : '');
        const found = await linesIn(content, 10_000);
        expect(found.map(({ text }) => text)).toEqual(content.split('\n').slice(0, -1));
        for (const { text = '', position, length } of found) {
          expect(Buffer.from(content).toString('utf8', position, position + length)).toBe(text);
        }
      }),
      { numRuns: 30 },
    );
  });
});
