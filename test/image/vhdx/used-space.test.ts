import { describe, expect, it } from 'vitest';
import { UsedSpace } from '../../../src/image/vhdx/used-space.ts';
import { MIB } from '../../support/vhdx-builder.ts';

describe('UsedSpace', () => {
  it('allocates each MiB once', () => {
    const used = new UsedSpace(64 * MIB);
    expect(used.claim({ offset: 7 * MIB, length: 3 * MIB })).toBe(true);
    expect(used.claim({ offset: 10 * MIB, length: MIB })).toBe(true);
    expect(used.claim({ offset: 9 * MIB, length: MIB })).toBe(false);
    expect(used.claim({ offset: 6 * MIB, length: MIB })).toBe(true);
    expect(used.claim({ offset: 0, length: 64 * MIB })).toBe(false);
  });

  it('rounds a part of a MiB up to a whole one', () => {
    const used = new UsedSpace(2 * MIB);
    expect(used.claim({ offset: 0, length: MIB + 1 })).toBe(true);
    expect(used.claim({ offset: MIB, length: MIB })).toBe(false);
  });

  it('ignores ranges beyond the end of the file, of any length', () => {
    const used = new UsedSpace(2 * MIB + 1);
    expect(used.claim({ offset: 2 * MIB, length: 2 ** 60 })).toBe(true);
    expect(used.claim({ offset: 2 * MIB, length: MIB })).toBe(false);
    expect(used.claim({ offset: 2 ** 40, length: MIB })).toBe(true);
  });
});
