import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FileSource } from '../../../src/volume/initrd/byte-source.ts';
import { skipZstdFrame } from '../../../src/volume/initrd/zstd-frame.ts';

function sourceOf(bytes: Buffer): FileSource {
  return new FileSource({
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  });
}

async function endOf(bytes: Buffer): Promise<number> {
  const source = sourceOf(bytes);
  await skipZstdFrame(source);
  return source.position;
}

const hasZstd = spawnSync('zstd', ['--version']).error === undefined;

describe('skipZstdFrame', () => {
  it.skipIf(!hasZstd).each([
    ['an empty one', Buffer.alloc(0), []],
    ['a small one', Buffer.from('abc'), []],
    ['without a checksum', Buffer.from('abc'.repeat(100)), ['--no-check']],
    ['of random bytes, which stay raw', randomBytes(300_000), []],
    ['of one repeated byte', Buffer.alloc(500_000, 1), []],
    ['of the highest level', Buffer.from('text '.repeat(60_000)), ['-19']],
  ])('finds the end of a frame that zstd wrote: %s', async (_, content, args) => {
    const frame = execFileSync('zstd', ['-q', ...args], { input: content });
    expect(await endOf(Buffer.concat([frame, Buffer.from('more')]))).toBe(frame.length);
  });

  it('refuses a window that needs too much memory, a cut frame, and a block of an unknown type', async () => {
    const hex = (text: string) => Buffer.from(`28b52ffd${text}`, 'hex');
    await expect(endOf(hex('00f8010000'))).rejects.toThrow('window of');
    await expect(endOf(hex('e0ffffffffffffff7f010000'))).rejects.toThrow('window of');
    await expect(endOf(hex('0000'))).rejects.toThrow('was cut');
    await expect(endOf(hex('0000070000'))).rejects.toThrow('is damaged');
  });
});
