import { describe, expect, it } from 'vitest';
import { swapAreaOf } from '../../../src/volume/free-space/swap-area.ts';

const SIZE = 1024 * 1024;

/** The first 64 KiB of a swap area. */
function head(page: number, { signature = 'SWAPSPACE2', version = 1, lastPage = SIZE / page - 1 } = {}): Buffer {
  const bytes = Buffer.alloc(64 * 1024);
  bytes.writeUInt32LE(version, 1024);
  bytes.writeUInt32LE(lastPage, 1028);
  bytes.write(signature, page - 10, 'latin1');
  return bytes;
}

describe('swapAreaOf', () => {
  it.each([4096, 8192, 16_384, 65_536])('keeps the first page: pages of %d bytes', (page) => {
    expect(swapAreaOf(head(page), SIZE)).toEqual({
      state: 'swap',
      contents: { offset: page, length: SIZE - page },
    });
  });

  it.each(['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'])('knows a hibernated system by %s', (signature) => {
    expect(swapAreaOf(head(4096, { signature }), SIZE).state).toBe('suspended');
  });

  it('does not know an old form, another byte order, an area that is cut off, two signatures, or a boot sector', () => {
    const twice = head(4096);
    twice.write('SWAPSPACE2', 8192 - 10, 'latin1');
    const afterTable = head(4096);
    afterTable.writeUInt16LE(0xaa55, 510);
    for (const bytes of [
      head(4096, { signature: 'SWAP-SPACE' }),
      head(4096, { version: 0x01000000 }),
      head(4096, { lastPage: SIZE / 4096 }),
      head(4096, { lastPage: 0 }),
      twice,
      afterTable,
    ]) {
      expect(swapAreaOf(bytes, SIZE)).toMatchObject({ state: 'unknown' });
    }
  });
});
