import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CRC64_DATA_START, compileCrc64, newCrc64Memory } from '../../../src/transfer/crc64/crc64.ts';
import { CRC64_POLYNOMIAL, FOLD_DELAYS } from '../../../src/transfer/crc64/crc64-module.ts';
import { crc64ByDefinition, crc64ByTable } from '../../support/checksums.ts';

const PAGE = 512;
const MAX_SIZE = 4 * 1024 * 1024;

const memory = newCrc64Memory(MAX_SIZE);
const { crc64 } = new WebAssembly.Instance(compileCrc64(), { env: { memory } }).exports;
const data = new Uint8Array(memory.buffer, CRC64_DATA_START, MAX_SIZE);

function crcOf(offset: number, length: number): bigint {
  const start = CRC64_DATA_START + offset;
  return BigInt.asUintN(64, crc64(start, start + length));
}

/** x^n modulo the polynomial. Both have the highest power first; the polynomial's leading term is omitted. */
function powerOfX(n: number): bigint {
  const polynomial = BigInt(`0b${[...CRC64_POLYNOMIAL.toString(2).padStart(64, '0')].reverse().join('')}`);
  let power = 1n;
  for (let step = 0; step < n; step++) power = BigInt.asUintN(64, power << 1n) ^ (power >> 63n ? polynomial : 0n);
  return power;
}

describe('the folding delays', () => {
  it('belong to a multiple of the polynomial', () => {
    const longest = Math.max(...FOLD_DELAYS);
    const powers = [longest, ...FOLD_DELAYS.map((delay) => longest - delay)];
    expect(powers.map(powerOfX).reduce((sum, power) => sum ^ power)).toBe(0n);
  });
});

describe('the reference table of the tests below', () => {
  it('matches the definition', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(crc64ByTable(bytes).toString(16)).toBe(
          crc64ByDefinition(bytes)
            .reverse()
            .toString('hex')
            .replace(/^0+(?=.)/, ''),
        );
      }),
    );
  });
});

describe('crc64', () => {
  it('is correct for all lengths around the thresholds of folding', () => {
    for (let at = 0; at < 400 * PAGE; at++) data[at] = (at * 31 + (at >>> 9) * 17) & 0xff;
    for (let pages = 1; pages <= 400; pages += pages > 225 && pages < 300 ? 1 : 7) {
      const length = pages * PAGE;
      expect(crcOf(0, length), `${pages} pages`).toBe(crc64ByTable(data.subarray(0, length)));
    }
  });

  it('is correct for any run of pages', () => {
    const anyRun = fc.record({
      offset: fc.nat(3000),
      pages: fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: MAX_SIZE / PAGE - 3000 })),
      bytes: fc.array(fc.record({ at: fc.nat(), value: fc.integer({ min: 1, max: 255 }) }), { maxLength: 20 }),
      filling: fc.constantFrom(0, 255, 90),
    });
    fc.assert(
      fc.property(anyRun, ({ offset, pages, bytes, filling }) => {
        const run = data.subarray(offset * PAGE, (offset + pages) * PAGE);
        run.fill(filling);
        for (const { at, value } of bytes) run[at % run.length] = value;
        expect(crcOf(offset * PAGE, pages * PAGE)).toBe(crc64ByTable(run));
      }),
      { numRuns: 60 },
    );
  });

  it('modifies only its working memory', () => {
    const before = Uint8Array.from({ length: MAX_SIZE }, (_, at) => (at * 7 + (at >>> 12)) & 0xff);
    data.set(before);
    crcOf(0, MAX_SIZE);
    crcOf(PAGE, 300 * PAGE);
    expect(Buffer.compare(Buffer.from(data), before)).toBe(0);
  });
});
