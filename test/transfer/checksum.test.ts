import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageChecksum } from '../../src/transfer/checksum.ts';
import { crc64ByDefinition, KNOWN_CRC64 } from '../support/checksums.ts';

const base64 = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64');

const anyPage = fc.uint8Array({ minLength: 512, maxLength: 512 });

describe('pageChecksum', () => {
  it.each(KNOWN_CRC64.filter(([, bytes]) => bytes.length === 512))(
    'returns the CRC64 that Azure Storage expects for %s',
    (_, bytes, expected) => {
      const checksum = pageChecksum('crc64', bytes);
      expect(checksum?.algorithm).toBe('crc64');
      expect(base64(checksum?.value)).toBe(expected);
    },
  );

  it('matches the definition of CRC-64/NVME', () => {
    fc.assert(
      fc.property(anyPage, (bytes) => {
        expect(base64(pageChecksum('crc64', bytes)?.value)).toBe(base64(crc64ByDefinition(bytes)));
      }),
      { numRuns: 30 },
    );
  });

  it('returns the MD5 of a part of a buffer', () => {
    const whole = Uint8Array.from({ length: 2048 }, (_, index) => index % 251);
    const part = whole.subarray(512, 1024);
    expect(pageChecksum('md5', part)).toEqual({
      algorithm: 'md5',
      value: createHash('md5').update(Uint8Array.from(part)).digest(),
    });
  });

  it('returns nothing without an algorithm', () => {
    expect(pageChecksum('none', new Uint8Array(512))).toBeUndefined();
  });
});
