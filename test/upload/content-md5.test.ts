import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, MIB, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import type { FixedVhdView } from '../../src/image/fixed-vhd-view.ts';
import { ContentMd5 } from '../../src/upload/content-md5.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const FOOTER = patternOf(9, 512);

/** A VHD in memory. Its extents say where it may be read. */
function viewOf(disk: Uint8Array, extents: readonly ByteRange[]): FixedVhdView {
  return {
    size: disk.length + 512,
    diskSize: disk.length,
    footer: FOOTER,
    extents: async function* () {
      for (const extent of extents) yield await Promise.resolve(extent);
    },
    read: ({ offset, length }, into) => {
      into.set(disk.subarray(offset, offset + length));
      return Promise.resolve();
    },
    locate: () => Promise.resolve(undefined),
  };
}

const never = new AbortController().signal;
const nobody = () => undefined;

async function md5Of(view: FixedVhdView): Promise<string> {
  const md5 = new ContentMd5(view, never, nobody);
  try {
    return Buffer.from(await md5.digest(nobody)).toString('hex');
  } finally {
    await md5.close();
  }
}

const expectedOf = (disk: Uint8Array) => createHash('md5').update(disk).update(FOOTER).digest('hex');

describe('ContentMd5', () => {
  it('is the MD5 of the whole VHD, whatever the image allocates', async () => {
    const windows = fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(windows, fc.integer({ min: 1, max: 8 }), async (allocated, tail) => {
        const disk = new Uint8Array(4 * WINDOW_SIZE + tail * 512);
        const extents = allocated.sort().map((window) => {
          const offset = window * WINDOW_SIZE;
          const length = Math.min(WINDOW_SIZE, disk.length - offset);
          disk.set(patternOf(window, length), offset);
          return { offset, length };
        });
        expect(await md5Of(viewOf(disk, extents))).toBe(expectedOf(disk));
      }),
      { numRuns: 5 },
    );
  });

  it('hashes long runs of zeros without reading them', async () => {
    const disk = new Uint8Array(150 * MIB);
    expect(await md5Of(viewOf(disk, []))).toBe(expectedOf(disk));
  });

  it('fails at once with the error of reading', async () => {
    const broken = new Error('sector 17 cannot be read');
    const view = { ...viewOf(new Uint8Array(MIB), [{ offset: 0, length: MIB }]), read: () => Promise.reject(broken) };
    const failures: unknown[] = [];
    const md5 = new ContentMd5(view, never, (error) => failures.push(error));
    expect(await failureOf(md5.digest(nobody))).toBe(broken);
    await md5.close();
    expect(failures).toEqual([broken]);
  });

  it('ends on abort with the reason, and reads nothing after that', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    let reads = 0;
    const view: FixedVhdView = {
      ...viewOf(new Uint8Array(4 * WINDOW_SIZE), [{ offset: 0, length: 4 * WINDOW_SIZE }]),
      read: () => {
        reads += 1;
        if (reads === 2) stop.abort(reason);
        return Promise.resolve();
      },
    };
    const failures: unknown[] = [];
    const md5 = new ContentMd5(view, stop.signal, (error) => failures.push(error));
    expect(await failureOf(md5.digest(nobody))).toBe(reason);
    await md5.close();
    expect({ reads, failures }).toEqual({ reads: 2, failures: [] });
  });

  it('can be closed at any time', async () => {
    const failures: unknown[] = [];
    const md5 = new ContentMd5(viewOf(new Uint8Array(64 * MIB), []), never, (error) => failures.push(error));
    await md5.close();
    expect(await failureOf(md5.digest(nobody))).toMatchObject({ message: 'The MD5 is no longer needed.' });
    expect(failures).toEqual([]);
  });
});
