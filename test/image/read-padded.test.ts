import { describe, expect, it } from 'vitest';
import { readPadded, requireReadable } from '../../src/image/read-padded.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { buildTemporary, expectSameBytes, openWatched } from '../support/vhd-fixtures.ts';

const disk = patternOf(1, 4096);

describe('readPadded', () => {
  it.each([
    ['inside the disk', 512, 1024],
    ['across its end', 3584, 1024],
    ['after its end', 4096, 512],
    ['far after its end', 1 << 30, 512],
    ['nothing', 0, 0],
  ])('%s', async (_name, offset, length) => {
    const { path } = await buildTemporary({ type: 'fixed', size: 4096, contents: [{ offset: 0, bytes: disk }] });
    const { image } = await openWatched(path);
    const into = new Uint8Array(length).fill(0xee);
    await readPadded(image, { offset, length }, into);
    const expected = new Uint8Array(length);
    expected.set(disk.subarray(offset, offset + length));
    expectSameBytes(into, expected);
  });
});

describe('requireReadable', () => {
  it('accepts whole sectors inside the disk', () => {
    expect(() => requireReadable(1024, { offset: 512, length: 512 }, new Uint8Array(512))).not.toThrow();
    expect(() => requireReadable(1024, { offset: 1024, length: 0 }, new Uint8Array(0))).not.toThrow();
  });

  it.each([
    [1024, 512, 512],
    [-512, 512, 512],
    [1, 512, 512],
    [0, 511, 511],
    [0, 512, 511],
    [Number.NaN, 512, 512],
  ])('refuses offset %d, length %d, a buffer of %d bytes', (offset, length, room) => {
    expect(() => requireReadable(1024, { offset, length }, new Uint8Array(room))).toThrow(RangeError);
  });
});
