import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../src/state/checkpoint.ts';

const size = fc.maxSafeNat();
const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));

/** Ascending ranges that do not touch. */
const ranges = fc
  .uniqueArray(fc.nat(1_000_000), { maxLength: 20 })
  .map((starts) =>
    starts.sort((one, other) => one - other).map((start, index) => ({ offset: start * 8, length: 1 + (index % 7) })),
  );

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
  done: ranges,
  sent: fc.record({ bytes: size, pages: hex(16) }),
  unverified: ranges,
  lease: fc.record({ owner: fc.constant({ id: 'run', host: 'here', pid: 1, since: 'now' }), ids: fc.array(fc.uuid()) }),
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
  sent: { bytes: 1536, pages: '0123456789abcdef' },
  unverified: [{ offset: 0, length: 4_194_304 }],
  lease: {
    owner: {
      id: '0e5f2b8c-4f7d-4a53-8a4e-4a1b1a3f8f10',
      host: 'here.example',
      pid: 4711,
      since: '2026-03-01T10:00:00.000Z',
      machine: { machineId: '0123456789abcdef', bootId: 'b', pidNamespace: '1' },
    },
    ids: ['0e5f2b8c-4f7d-4a53-8a4e-4a1b1a3f8f10'],
    proof: '0e5f2b8c-4f7d-4a53-8a4e-4a1b1a3f8f10',
  },
  etag: '"0x8DC"',
  fromBlob: true,
  failed: false,
  replaces: { etag: '"0x8DB"', uploadId: 'another' },
};

/** The checkpoint, or undefined if the text was refused correctly. */
function decodedOrRefused(text: string): Checkpoint | undefined {
  try {
    return decodeCheckpoint(text, 'disk.vhd.vhdup.json');
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    const { message, isForeign } = error as CheckpointError;
    expect(message).toContain('disk.vhd.vhdup.json');
    expect(message).toContain('--checkpoint');
    // Following this advice replaces the file.
    expect(message.includes('--restart')).toBe(!isForeign);
    return undefined;
  }
}

/** The text with other fields and a valid checksum. */
function sealed(fields: object): string {
  const sha256 = createHash('sha256').update(JSON.stringify(fields)).digest('hex');
  return JSON.stringify({ ...fields, sha256 }, undefined, 1);
}

describe('a checkpoint', () => {
  it('is the same after writing and reading', () => {
    fc.assert(
      fc.property(anyCheckpoint, (checkpoint) => {
        expect(decodeCheckpoint(encodeCheckpoint(checkpoint), 'any')).toEqual(checkpoint);
      }),
    );
  });

  it('is refused or unchanged when any byte is changed', () => {
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
    // Only damage to white space is harmless.
    expect(refused).toBeGreaterThan(bytes.length * 4);
  });

  it('is refused when it is truncated anywhere before its last brace', () => {
    const text = encodeCheckpoint(EXAMPLE);
    for (let length = 0; length < text.trimEnd().length; length++) {
      expect(decodedOrRefused(text.slice(0, length))).toBeUndefined();
    }
  });

  it('is refused when something is appended', () => {
    const text = encodeCheckpoint(EXAMPLE);
    expect(decodedOrRefused(text + text)).toBeUndefined();
    expect(decodedOrRefused(text.replace('{', '{ "more": 1,'))).toBeUndefined();
  });

  it('is refused when it is other JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(decodedOrRefused(text)).toBeUndefined();
      }),
    );
  });

  it.each(['', 'null', '[]', '{}', 'conectix', '{"vhdupCheckpoint":3}', '{\n "name": 1\n}'])(
    'is distinguished from a foreign file: %j',
    (text) => {
      expect(() => decodeCheckpoint(text, 'any')).toThrow(expect.objectContaining({ isForeign: true }));
    },
  );

  it.each(['', '\0'.repeat(500)])('that a power failure left empty can be deleted: %j', (text) => {
    expect(() => decodeCheckpoint(text, 'any')).toThrow(
      'any is empty, as a power failure may leave a file. Delete it, or name another file with --checkpoint.',
    );
  });

  it('is recognised as a checkpoint, however much of it is lost', () => {
    const text = encodeCheckpoint(EXAMPLE);
    for (const damaged of [text.slice(0, 30), `${text.slice(0, 200)}\u0000\u0000`, text.replace('1536', '1537')]) {
      expect(() => decodeCheckpoint(damaged, 'any')).toThrow(expect.objectContaining({ isForeign: false }));
    }
  });

  it('is refused with its version when it has another version, even with a correct checksum', () => {
    for (const format of [0, 1, 2, 3, 5, '4', null, { toString: 1, valueOf: 1 }]) {
      const text = sealed({ vhdupCheckpoint: format });
      expect(() => decodeCheckpoint(text, 'any')).toThrow(`it has the format ${JSON.stringify(format)}`);
    }
  });

  it('is refused with a clear message when a field is absent or of another type, even with a correct checksum', () => {
    const { sha256: _, ...fields } = JSON.parse(encodeCheckpoint(EXAMPLE));
    const mayBeAbsent = [
      'etag',
      'fromBlob',
      'failed',
      'replaces',
      'lease.proof',
      'lease.owner.machine',
      'replaces.uploadId',
    ];
    let changed = 0;
    for (const path of pathsIn(fields)) {
      if (path[0] === 'vhdupCheckpoint') continue;
      for (const value of [undefined, null, -1, 1.5, {}, [[1]], true]) {
        const text = sealed(withValue(fields, path, value));
        const isFine =
          (path.at(-1) === 'modifiedMs' && value === -1) ||
          isSameKind(valueAt(fields, path), value) ||
          (value === undefined && mayBeAbsent.includes(path.join('.')));
        if (isFine) continue;
        changed += 1;
        const failure = expect.objectContaining({
          code: 'CHECKPOINT',
          message: expect.stringMatching(/^Cannot use the checkpoint any: its field \S+ must be .*--resume-from-blob/s),
        });
        expect(() => decodeCheckpoint(text, 'any'), `${path.join('.')}: ${JSON.stringify(value)}`).toThrow(failure);
      }
    }
    expect(changed).toBeGreaterThan(100);
  });

  it.each([
    [
      'overlap',
      [
        [0, 1024],
        [512, 1024],
      ],
    ],
    [
      'touch',
      [
        [0, 512],
        [512, 512],
      ],
    ],
    [
      'descend',
      [
        [1024, 512],
        [0, 512],
      ],
    ],
    ['are empty', [[0, 0]]],
    ['are no pairs', [[0, 1, 2]]],
  ])('is refused when its ranges %s', (_, done) => {
    const { sha256: __, ...fields } = JSON.parse(encodeCheckpoint(EXAMPLE));
    expect(() => decodeCheckpoint(sealed({ ...fields, done }), 'any')).toThrow(/its field done\S* must be/);
  });

  it('is readable text', () => {
    expect(encodeCheckpoint(EXAMPLE)).toMatch(/^\{\n "vhdupCheckpoint": 4,\n "uploadId": "5f0c2a52[\s\S]*\n\}\n$/);
  });
});

type Path = readonly (string | number)[];

/** The paths of all values except the items of ranges. */
function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const isRanges = Array.isArray(value) && typeof value[0]?.[0] === 'number';
  const parts = isRanges ? [] : Object.entries(value).flatMap(([name, part]) => pathsIn(part, [...path, name]));
  return path.length === 0 ? parts : [path, ...parts];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce((part: unknown, name) => Reflect.get(Object(part), name), value);
}

function withValue(fields: object, path: Path, value: unknown): object {
  const copy = structuredClone(fields);
  const parent = valueAt(copy, path.slice(0, -1));
  Reflect.set(Object(parent), path.at(-1) ?? '', value);
  return copy;
}

/** Whether both values are valid for the type of the field. */
function isSameKind(one: unknown, other: unknown): boolean {
  return typeof one === typeof other && typeof one === 'boolean';
}
