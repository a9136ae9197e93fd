import { describe, expect, it } from 'vitest';
import { UnreadableError } from '../../../src/volume/file-systems/opened-file-system.ts';
import { readFileVersion } from '../../../src/volume/portable-executable/file-version.ts';
import { memoryFile } from '../../support/hive-builder.ts';
import { buildProgram } from '../../support/program-builder.ts';

const VERSION = [10, 0, 14_393, 65_535] as const;

describe('readFileVersion', () => {
  it.each([0x20b, 0x10b])('reads the version of a program of the type %i', async (magic) => {
    expect(await readFileVersion(memoryFile(buildProgram(VERSION, { magic })))).toEqual(VERSION);
  });

  it('reads only the tables that lead to the version', async () => {
    const program = memoryFile(Buffer.concat([buildProgram(VERSION), Buffer.alloc(10_000_000)]));
    await readFileVersion(program);
    expect(program.reads).toBeLessThan(20);
  });

  it('knows a program without a version', async () => {
    expect(await readFileVersion(memoryFile(buildProgram(VERSION, { resourceType: 3 })))).toBeUndefined();
  });

  it('names what is wrong with a file that is no program, or a damaged one', async () => {
    await expect(readFileVersion(memoryFile(Buffer.alloc(100)))).rejects.toThrow('does not begin with MZ');
    await expect(readFileVersion(memoryFile(Buffer.from('MZ')))).rejects.toThrow('was cut');
    const program = buildProgram(VERSION);
    await expect(readFileVersion(memoryFile(program.subarray(0, 0x440)))).rejects.toThrow('was cut');
    program.writeUInt32LE(0, program.indexOf(Buffer.from([0xbd, 0x04, 0xef, 0xfe])));
    await expect(readFileVersion(memoryFile(program))).rejects.toThrow('its version is damaged');
  });

  it('ends for each flipped byte', async () => {
    const program = buildProgram(VERSION);
    for (let at = 0; at < 0x500; at++) {
      const damaged = Buffer.from(program);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      await readFileVersion(memoryFile(damaged)).catch((error: unknown) =>
        expect(error).toBeInstanceOf(UnreadableError),
      );
    }
  });
});
