import { execFileSync, spawnSync } from 'node:child_process';
import { crc32, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnreadableError } from '../../../src/volume/file-systems/opened-file-system.ts';
import { HAS_ZSTD } from '../../../src/volume/initrd/inflated.ts';
import { initrdNames } from '../../../src/volume/initrd/initrd-names.ts';
import type { RangedFile } from '../../../src/volume/registry/ranged-file.ts';
import { cpio } from '../../support/initrd-builder.ts';

interface CountedFile extends RangedFile {
  /** Bytes read so far. */
  readonly readBytes: () => number;
}

function fileOf(bytes: Uint8Array): CountedFile {
  let readBytes = 0;
  return {
    size: bytes.length,
    read: (offset, length) => {
      const part = bytes.subarray(offset, offset + length);
      readBytes += part.length;
      return Promise.resolve(part);
    },
    readBytes: () => readBytes,
  };
}

/** The names, and the error that ended them. */
async function read(bytes: Uint8Array): Promise<{ names: string[]; error?: unknown }> {
  const names: string[] = [];
  try {
    for await (const name of initrdNames(fileOf(bytes))) names.push(name);
    return { names };
  } catch (error) {
    return { names, error };
  }
}

const MICROCODE = cpio({ 'kernel/x86/microcode/AuthenticAMD.bin': 'm'.repeat(5001) });
const MODULES = cpio({ './usr/lib/modules/6/hv.ko': 'elf', init: '#!/bin/sh', 'etc/x': '' });
const NAMES = ['usr/lib/modules/6/hv.ko', 'init', 'etc/x'];

function compressed(tool: string, args: readonly string[], bytes: Uint8Array): Buffer {
  return execFileSync(tool, args, { input: bytes });
}

function has(tool: string): boolean {
  return spawnSync(tool, ['--version']).error === undefined;
}

describe('initrdNames', () => {
  it('reads a plain archive', async () => {
    expect(await read(MODULES)).toEqual({ names: NAMES });
  });

  it('reads a compressed archive', async () => {
    expect(await read(gzipSync(MODULES))).toEqual({ names: NAMES });
  });

  it('reads what follows the microcode: several archives, plain and compressed, with zeros between them', async () => {
    const more = cpio({ 'usr/lib/modules/6/nvme.ko.zst': 'x' });
    const parts = [
      MICROCODE,
      Buffer.alloc(332),
      MICROCODE,
      more,
      Buffer.alloc(4),
      gzipSync(MODULES),
      Buffer.alloc(700),
      gzipSync(more),
    ];
    const microcode = 'kernel/x86/microcode/AuthenticAMD.bin';
    const module = 'usr/lib/modules/6/nvme.ko.zst';
    expect(await read(Buffer.concat(parts))).toEqual({ names: [microcode, microcode, module, ...NAMES, module] });
  });

  it('reads several archives in one compressed part, and several compressed parts without zeros between them', async () => {
    const twice = gzipSync(Buffer.concat([MODULES, Buffer.alloc(8), MODULES]));
    expect((await read(Buffer.concat([twice, twice]))).names).toEqual([...NAMES, ...NAMES, ...NAMES, ...NAMES]);
  });

  it('skips the name, the comment and the checksum of a gzip header', async () => {
    const body = gzipSync(MODULES).subarray(10);
    const start = Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3]);
    const fields = Buffer.concat([
      Buffer.from([3, 0]),
      Buffer.from('abc'),
      Buffer.from('initrd\0'),
      Buffer.from('comment\0'),
    ]);
    const checksum = Buffer.alloc(2);
    checksum.writeUInt16LE((crc32?.(Buffer.concat([start, fields])) ?? 0) & 0xffff);
    expect((await read(Buffer.concat([start, fields, checksum, body]))).names).toEqual(NAMES);
  });

  it.skipIf(!has('gzip'))('reads what gzip wrote', async () => {
    expect((await read(compressed('gzip', ['-9'], MODULES))).names).toEqual(NAMES);
  });

  it.each([
    ['xz', ['-C', 'crc32'], 'xz'],
    ['lz4', ['-l'], 'lz4'],
    ['lz4', [], 'lz4'],
    ['bzip2', [], 'bzip2'],
    ['xz', ['--format=lzma'], 'lzma'],
  ] as const)(
    'names a compression that it does not read, after the names before it: %s %j',
    async (tool, args, name) => {
      if (!has(tool)) return;
      const { names, error } = await read(Buffer.concat([MICROCODE, compressed(tool, args, MODULES)]));
      expect(names).toEqual(['kernel/x86/microcode/AuthenticAMD.bin']);
      expect(error).toBeInstanceOf(UnreadableError);
      expect(String(error)).toContain(`compressed with ${name}`);
    },
  );

  it.skipIf(!has('zstd'))('reads zstd where Node.js has it, and says which version has it otherwise', async () => {
    const frames = [MODULES, MODULES].map((bytes) => compressed('zstd', ['-19', '-q'], bytes));
    const { names, error } = await read(Buffer.concat([MICROCODE, ...frames, Buffer.alloc(100)]));
    if (HAS_ZSTD) expect({ names: names.slice(1), error }).toEqual({ names: [...NAMES, ...NAMES], error: undefined });
    else expect(String(error)).toContain('zstd, which vhdup reads with Node.js 22.15 or later');
  });

  it('stops to read and decompress when the caller has what it wants', async () => {
    const large = cpio({ 'first.ko': 'x', 'large.bin': 'z'.repeat(30 * 1024 * 1024), 'last.ko': 'x' });
    for (const bytes of [large, gzipSync(large, { level: 0 })]) {
      const file = fileOf(bytes);
      for await (const name of initrdNames(file)) if (name === 'first.ko') break;
      expect(file.readBytes()).toBeLessThan(4 * 1024 * 1024);
    }
    const file = fileOf(large);
    const names: string[] = [];
    for await (const name of initrdNames(file)) names.push(name);
    expect(names).toEqual(['first.ko', 'large.bin', 'last.ko']);
    // The contents of a plain archive are skipped.
    expect(file.readBytes()).toBeLessThan(2 * 1024 * 1024);
  });

  it('passes on the error of the file', async () => {
    const bytes = gzipSync(MODULES);
    const broken = (from: number): RangedFile => ({
      size: bytes.length,
      read: (offset, length) =>
        offset >= from
          ? Promise.reject(new UnreadableError('the disk is broken'))
          : Promise.resolve(bytes.subarray(offset, offset + length)),
    });
    for (const from of [0, 10]) {
      await expect(async () => {
        for await (const name of initrdNames(broken(from))) expect(name).toBeDefined();
      }).rejects.toThrow('the disk is broken');
    }
  });
});

describe('initrdNames of a damaged file', () => {
  it.each([
    ['a text', Buffer.from('this is no initrd'), 'its part at 0 is not recognised'],
    ['a cut header', MODULES.subarray(0, 50), 'no entry of a cpio archive'],
    ['a cut name', MODULES.subarray(0, 115), 'was cut'],
    ['cut contents', MODULES.subarray(0, 137), 'was cut'],
    [
      'a size that is no number',
      Buffer.from(MODULES.toString('latin1').replace('00000003', 'zzzzzzzz')),
      'no valid size',
    ],
    ['a cut gzip stream', gzipSync(MODULES).subarray(0, -20), 'its gzip data is damaged'],
    ['a gzip header of another method', Buffer.from('1f8b0900000000000003', 'hex'), 'header of its gzip data'],
    [
      'a gzip name without an end',
      Buffer.concat([Buffer.from('1f8b0808000000000003', 'hex'), Buffer.alloc(70_000, 65)]),
      'does not end',
    ],
  ])('is refused with the reason: %s', async (_, bytes, reason) => {
    const { error } = await read(bytes);
    expect(error).toBeInstanceOf(UnreadableError);
    expect(String(error)).toContain(reason);
  });

  it('refuses names of a wrong length', async () => {
    const header = (size: string) => Buffer.from(`070701${'00000000'.repeat(11)}${size}00000000`);
    for (const size of ['00000000', '00001001', 'ffffffff']) {
      expect(String((await read(header(size))).error)).toContain('has a name of');
    }
  });

  it('is empty for a file of zeros', async () => {
    expect(await read(Buffer.alloc(100_000))).toEqual({ names: [] });
    expect(await read(Buffer.alloc(0))).toEqual({ names: [] });
  });

  it('ends with names or with an UnreadableError, whatever bytes are changed', async () => {
    const whole = Buffer.concat([MICROCODE.subarray(0, 200), MODULES, Buffer.alloc(64), gzipSync(MODULES), MODULES]);
    const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(whole.length), async (changes, end) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        const { error } = await read(bytes.subarray(0, end));
        if (error !== undefined) expect(error).toBeInstanceOf(UnreadableError);
      }),
      { numRuns: 300 },
    );
  });

  it('ends for any bytes after a magic', async () => {
    const magic = fc.constantFrom('070701', '070702', '\x1f\x8b\x08\x00', '\x28\xb5\x2f\xfd', '\xfd7zXZ\0', '');
    await fc.assert(
      fc.asyncProperty(magic, fc.uint8Array({ maxLength: 400 }), async (start, rest) => {
        const { error } = await read(Buffer.concat([Buffer.from(start, 'latin1'), rest]));
        if (error !== undefined) expect(error).toBeInstanceOf(UnreadableError);
      }),
      { numRuns: 300 },
    );
  });
});
