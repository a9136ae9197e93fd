import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stripElf } from '../../bin/exe/strip-elf.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

describe('stripElf', () => {
  it.skipIf(process.platform !== 'linux')('makes Node smaller, which still runs (needs Linux)', async () => {
    const before = readFileSync(process.execPath);
    const path = join(await temporaryFolder(), 'node');
    writeFileSync(path, stripElf(before), { mode: 0o755 });
    expect(readFileSync(path).length).toBeLessThan(before.length);
    expect(execFileSync(path, ['--print', 'process.version'], { encoding: 'utf8' })).toBe(`${process.version}\n`);
    // Stripped again, it is the same.
    expect(stripElf(readFileSync(path)).equals(readFileSync(path))).toBe(true);
  });

  it('refuses other files', () => {
    expect(() => stripElf(Buffer.from('MZ and something more'))).toThrow('Not an ELF-64 program.');
  });
});
