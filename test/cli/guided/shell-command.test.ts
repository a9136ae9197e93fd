import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { posixWord, powershellWord } from '../../../src/base/shell-word.ts';
import { shellCommand } from '../../../src/cli/guided/shell-command.ts';
import { hasPowerShell, NO_POWERSHELL, powershell } from '../../support/powershell.ts';

/** Words without control characters: `shellCommand` escapes these. */
const WORDS = fc.array(fc.string({ unit: fc.constantFrom(...'aZ0 -_./\\:\'"`$%&;,@#()[]{}!*?~|<>^=+é‘’“”虚') }), {
  minLength: 1,
  maxLength: 6,
});

describe('words for a shell', () => {
  it.each([
    ['/tmp/disk.vhdx', '/tmp/disk.vhdx'],
    ['/tmp/web 01.vhdx', "'/tmp/web 01.vhdx'"],
    ["it's", "'it'\\''s'"],
    ['', "''"],
  ])('of Unix: %s is %s', (word, quoted) => {
    expect(posixWord(word)).toBe(quoted);
  });

  it.each([
    ['C:\\VMs\\disk.vhdx', 'C:\\VMs\\disk.vhdx'],
    ['C:\\Virtual Hard Disks\\a.vhdx', '"C:\\Virtual Hard Disks\\a.vhdx"'],
    ["C:\\$Recycle\\it's.vhd", "'C:\\$Recycle\\it''s.vhd'"],
    ['a,b', '"a,b"'],
    ['', '""'],
  ])('of PowerShell: %s is %s', (word, quoted) => {
    expect(powershellWord(word)).toBe(quoted);
  });

  it('arrive unchanged from a shell of Unix', () => {
    fc.assert(
      fc.property(WORDS, (words) => {
        const line = `printf '%s\\0' ${words.map(posixWord).join(' ')}`;
        expect(spawnSync('sh', ['-c', line], { encoding: 'utf8' }).stdout).toBe(
          words.map((word) => `${word}\0`).join(''),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('arrive unchanged from PowerShell', async (context) => {
    context.skip(!hasPowerShell, NO_POWERSHELL);
    const words = fc.sample(WORDS, 40).flat();
    // As values of the language: how a program gets them is a question of its own on Unix.
    const values = words.map((word) => powershellWord(word).replace(/^(?!['"]).*$/s, "'$&'"));
    const lines = await powershell(`ConvertTo-Json -Compress -EscapeHandling EscapeNonAscii @(${values.join(',')})`);
    expect(JSON.parse(lines.join(''))).toEqual(words);
  });

  it('never contain control characters', () => {
    expect(shellCommand(['upload', 'a\u001b[31m.vhd'], {})).not.toMatch(/\p{Cc}/u);
    expect(shellCommand(['upload', 'disk.vhd'], {})).toBe('vhdup upload disk.vhd');
  });
});
