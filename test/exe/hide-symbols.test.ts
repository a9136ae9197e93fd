import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hideSymbols } from '../../bin/exe/hide-symbols.ts';
import { stripElf } from '../../bin/exe/strip-elf.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

/** Calls a function by koffi, and uses what Node contains. */
const PROGRAM = `
const { createHash } = require('node:crypto');
const { deflateSync, inflateSync } = require('node:zlib');
const koffi = require(process.argv[1]);
const { Script } = require('node:vm');
let message;
try { new Script('}'); } catch (error) { message = error.message; }
console.log(JSON.stringify([
  koffi.load('libc.so.6').func('int getpid()')() === process.pid,
  createHash('md5').update(inflateSync(deflateSync('x'))).digest('hex'),
  new Intl.NumberFormat('de').format(1234.5),
  message,
]));
`;

describe.skipIf(process.platform !== 'linux')('hideSymbols (needs Linux)', () => {
  it('leaves a Node that runs and loads addons, without the names that these do not need', async () => {
    const node = stripElf(readFileSync(process.execPath));
    const hidden = hideSymbols(node);
    expect(hidden.length).toBe(node.length);
    for (const name of ['napi_create_function', 'uv_version']) expect(hidden.includes(`\0${name}\0`), name).toBe(true);
    for (const name of ['BIO_s_mem', '_ZN2v87Isolate10GetCurrentEv']) {
      expect(
        [node, hidden].map((one) => one.includes(`\0${name}\0`)),
        name,
      ).toEqual([true, false]);
    }
    const path = join(await temporaryFolder(), 'node');
    writeFileSync(path, hidden, { mode: 0o755 });
    const koffi = join(import.meta.dirname, '../../node_modules/koffi');
    const output = execFileSync(path, ['--eval', PROGRAM, koffi], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual([
      true,
      '9dd4e461268c8034f5c8564e155c67a6',
      '1.234,5',
      expect.stringContaining("Unexpected token '}'"),
    ]);
    // A second time there is nothing left to hide.
    expect(hideSymbols(hidden).equals(hidden)).toBe(true);
  });

  it('refuses other files', () => {
    expect(() => hideSymbols(Buffer.from('MZ and something more'))).toThrow('Not an ELF-64 program.');
  });
});
