// Run lists, encoded here and decoded by the reader.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MappedAttribute } from '../../../../src/volume/file-systems/ntfs/attribute.ts';
import { decodeRuns, type Run, runAt } from '../../../../src/volume/file-systems/ntfs/run-list.ts';
import { UnreadableError } from '../../../../src/volume/file-systems/opened-file-system.ts';

const CLUSTERS = 2 ** 40;
const GEOMETRY = { clusterSize: 4096, clusters: CLUSTERS, mftCluster: 4, recordLength: 1024 };

function attribute(runs: Buffer, lowestVcn: number, highestVcn: number): MappedAttribute {
  const head = { type: 0x80, name: '', id: 0, isCompressed: false, isEncrypted: false, value: undefined };
  return { ...head, lowestVcn, highestVcn, runs, unitShift: 0, size: 0, initialised: 0 };
}

function decode(runs: Buffer, lowestVcn: number, highestVcn: number): Run[] {
  return decodeRuns(attribute(runs, lowestVcn, highestVcn), GEOMETRY, 'a file');
}

/** The shortest signed form, little-endian. */
function signed(value: number): Buffer {
  let length = 1;
  while (value < -(2 ** (8 * length - 1)) || value >= 2 ** (8 * length - 1)) length++;
  const bytes = Buffer.alloc(length);
  bytes.writeIntLE(value, 0, length);
  return bytes;
}

function encode(runs: readonly Run[]): Buffer {
  let last = 0;
  const parts = runs.map(({ length, lcn }) => {
    const place = lcn === undefined ? Buffer.alloc(0) : signed(lcn - last);
    last = lcn ?? last;
    const count = signed(length);
    return Buffer.concat([Buffer.of((place.length << 4) | count.length), count, place]);
  });
  return Buffer.concat([...parts, Buffer.of(0)]);
}

const anyRuns = fc
  .array(
    fc.tuple(fc.integer({ min: 1, max: 2 ** 30 }), fc.option(fc.nat({ max: CLUSTERS - 2 ** 30 }), { nil: undefined })),
    {
      minLength: 1,
    },
  )
  .chain((items) => fc.nat({ max: 2 ** 20 }).map((lowest) => place(items, lowest)));

function place(items: readonly (readonly [number, number | undefined])[], lowest: number): Run[] {
  let vcn = lowest;
  return items.map(([length, lcn]) => {
    const run = { vcn, length, lcn };
    vcn += length;
    return run;
  });
}

describe('a run list', () => {
  it('gives the runs that it encodes, with holes and signed distances', () => {
    fc.assert(
      fc.property(anyRuns, (runs) => {
        const [first, last] = [runs[0]?.vcn ?? 0, runs.at(-1)];
        const end = (last?.vcn ?? 0) + (last?.length ?? 0);
        expect(decode(encode(runs), first, end - 1)).toEqual(runs);
        for (const run of runs) {
          expect(runAt(runs, run.vcn)).toBe(run);
          expect(runAt(runs, run.vcn + run.length - 1)).toBe(run);
        }
        expect(runAt(runs, end)).toBeUndefined();
        expect(runAt(runs, first - 1)).toBeUndefined();
      }),
    );
  });

  it.each([
    ['behind the volume', encode([{ vcn: 0, length: 2, lcn: CLUSTERS - 1 }]), 1],
    ['before the volume', encode([{ vcn: 0, length: 2, lcn: -1 }]), 1],
    ['longer than the file', encode([{ vcn: 0, length: 3, lcn: 5 }]), 1],
    ['shorter than the file', encode([{ vcn: 0, length: 1, lcn: 5 }]), 1],
    ['of no clusters', Buffer.of(0x11, 0, 5, 0), 0],
    ['cut off', Buffer.of(0x41, 2, 5), 1],
    ['with a number of 9 bytes', Buffer.of(0x19, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 0],
    ['with a number that is not exact', Buffer.from('8801000000000000000000000000000080', 'hex'), 0],
  ])('%s is refused', (_, runs, highest) => {
    expect(() => decode(runs, 0, highest)).toThrow(UnreadableError);
  });

  it('gives runs within the volume or is refused, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 300 }), (bytes, highest) => {
        try {
          for (const { lcn, length } of decode(Buffer.from(bytes), 0, highest)) {
            expect(lcn === undefined || (lcn >= 0 && lcn + length <= CLUSTERS)).toBe(true);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
