import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../src/state/checkpoint.ts';

const size = fc.maxSafeNat();
const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));

const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc.record({
  uploadId: fc.uuid(),
  startedAt: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  image: fc.array(fc.record({ name: fc.string({ unit: 'binary' }), size, modifiedMs: fc.integer(), diskId: hex(32) }), {
    minLength: 1,
    maxLength: 3,
  }),
  diskSize: size,
  trustUnmarkedSectors: fc.boolean(),
  blobUrl: fc.webUrl(),
  blobSize: size,
  done: fc.array(fc.record({ offset: size, length: size }), { maxLength: 20 }),
  savedMs: size,
  sent: fc.record({ bytes: size, pages: hex(16) }),
});

const EXAMPLE: Checkpoint = {
  uploadId: '5f0c2a52-59b4-4f0f-9d7c-2f6a0a5d7b11',
  startedAt: '2026-03-01T10:00:00.000Z',
  image: [
    { name: 'Größe.vhd', size: 4_194_816, modifiedMs: 1_767_225_600_000, diskId: '00112233445566778899aabbccddeeff' },
  ],
  diskSize: 4_194_304,
  trustUnmarkedSectors: false,
  blobUrl: 'https://account.blob.core.windows.net/vhds/disk.vhd',
  blobSize: 4_194_816,
  done: [
    { offset: 0, length: 4_194_304 },
    { offset: 12_582_912, length: 4_194_304 },
  ],
  savedMs: 1_772_359_200_000,
  sent: { bytes: 1536, pages: '0123456789abcdef' },
};

/** The checkpoint, or undefined where the text was refused as it should be. */
function decodedOrRefused(text: string): Checkpoint | undefined {
  try {
    return decodeCheckpoint(text, 'disk.vhd.vhdup.json');
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    const { message, isForeign } = error as CheckpointError;
    expect(message).toContain('disk.vhd.vhdup.json');
    expect(message).toContain('--checkpoint');
    // Whoever follows this advice has the file replaced.
    expect(message.includes('--restart')).toBe(!isForeign);
    return undefined;
  }
}

/** The text as it would have been written with other fields. */
function sealed(fields: object): string {
  const sha256 = createHash('sha256').update(JSON.stringify(fields)).digest('hex');
  return JSON.stringify({ ...fields, sha256 }, undefined, 1);
}

describe('a checkpoint', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(anyCheckpoint, (checkpoint) => {
        expect(decodeCheckpoint(encodeCheckpoint(checkpoint), 'any')).toEqual(checkpoint);
      }),
    );
  });

  it('is refused, or the same, when any one byte of it is another one', () => {
    const bytes = Buffer.from(encodeCheckpoint(EXAMPLE));
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0x01, 0x02, 0x10, 0x20, 0x80]) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at);
        const decoded = decodedOrRefused(damaged.toString('utf8'));
        if (decoded === undefined) refused += 1;
        else expect(decoded).toEqual(EXAMPLE);
      }
    }
    // Only blanks and line ends can be damaged without harm.
    expect(refused).toBeGreaterThan(bytes.length * 4);
  });

  it('is refused when it was cut anywhere before its last brace', () => {
    const text = encodeCheckpoint(EXAMPLE);
    for (let length = 0; length < text.trimEnd().length; length++) {
      expect(decodedOrRefused(text.slice(0, length))).toBeUndefined();
    }
  });

  it('is refused when something was added to it', () => {
    const text = encodeCheckpoint(EXAMPLE);
    expect(decodedOrRefused(text + text)).toBeUndefined();
    expect(decodedOrRefused(text.replace('{', '{ "more": 1,'))).toBeUndefined();
  });

  it('is refused when it is JSON of something else', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(decodedOrRefused(text)).toBeUndefined();
      }),
    );
  });

  it.each(['', 'null', '[]', '{}', 'conectix', '{"vhdupCheckpoint":3}', '{\n "name": 1\n}'])(
    'is told from a file that is something else: %j',
    (text) => {
      expect(() => decodeCheckpoint(text, 'any')).toThrow(expect.objectContaining({ isForeign: true }));
    },
  );

  it('is known as one, however much of it is lost', () => {
    const text = encodeCheckpoint(EXAMPLE);
    for (const damaged of [text.slice(0, 30), `${text.slice(0, 200)}\u0000\u0000`, text.replace('1536', '1537')]) {
      expect(() => decodeCheckpoint(damaged, 'any')).toThrow(expect.objectContaining({ isForeign: false }));
    }
  });

  it('is refused when it is of another version, even with the right checksum, and says which one', () => {
    for (const format of [0, 1, 2, 4, '3', null, { toString: 1, valueOf: 1 }]) {
      const text = sealed({ vhdupCheckpoint: format });
      expect(() => decodeCheckpoint(text, 'any')).toThrow(`it has the format ${JSON.stringify(format)}`);
    }
  });

  it('keeps what is in doubt', () => {
    const doubted = { ...EXAMPLE, state: 'doubted', doubted: [{ offset: 0, length: 4_194_304 }] } as const;
    expect(decodeCheckpoint(encodeCheckpoint(doubted), 'any')).toEqual(doubted);
  });

  it('stands as text that a person can read', () => {
    expect(encodeCheckpoint(EXAMPLE)).toMatch(/^\{\n "vhdupCheckpoint": 3,\n "uploadId": "5f0c2a52[\s\S]*\n\}\n$/);
  });
});
