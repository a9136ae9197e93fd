import { describe, expect, it } from 'vitest';
import { Hive } from '../../../src/volume/registry/hive.ts';
import {
  binary,
  buildHive,
  dword,
  type HiveForm,
  memoryFile,
  newLog,
  oldLog,
  withChecksum,
} from '../../support/hive-builder.ts';

/** A hive whose value V counts the writes. All states have the same size. */
function state(count: number, form: HiveForm = {}): Buffer {
  return buildHive(
    { keys: { K: { values: { V: dword(count) } } }, values: { padding: binary(Buffer.alloc(9000)) } },
    form,
  );
}

/** A hive whose last orderly write had the sequence number `secondary`. */
function dirty(count: number, secondary: number, form: HiveForm = {}): Buffer {
  return state(count, { ...form, sequences: [(secondary + 1) % 2 ** 32, secondary] });
}

async function countIn(hive: Uint8Array, ...logs: Uint8Array[]): Promise<number | string | undefined> {
  const read = async () => await (await Hive.open(memoryFile(hive), logs.map(memoryFile))).integer('K', 'V');
  return await read().catch((error: Error) => error.message);
}

const NONE = (count: number) => `it was not closed, and none of its ${count} transaction logs can be applied`;
const EMPTY = Buffer.alloc(0);

describe('a clean hive', () => {
  it('ignores its logs', async () => {
    expect(await countIn(state(0, { sequences: [5, 5] }), newLog([state(0), state(1)], 5))).toBe(0);
  });
});

describe('new logs', () => {
  const steps = [0, 1, 2, 3, 4, 5].map((count) => state(count));

  it('are applied entry by entry', async () => {
    expect(await countIn(dirty(0, 10), EMPTY, newLog(steps.slice(0, 4), 10), EMPTY)).toBe(3);
  });

  it.each([10, 0xfffffffe])('are applied in the order of their sequence numbers from %i on', async (sequence) => {
    const [first, second] = [newLog(steps.slice(0, 3), sequence), newLog(steps.slice(2), (sequence + 2) % 2 ** 32)];
    expect(await countIn(dirty(0, sequence), EMPTY, first, second)).toBe(5);
    expect(await countIn(dirty(0, sequence), EMPTY, second, first)).toBe(5);
  });

  it('that begin before the last write are in the hive already', async () => {
    const [old, current] = [newLog([state(9), state(8)], 3), newLog(steps.slice(2, 4), 12)];
    expect(await countIn(dirty(2, 12), old, current)).toBe(3);
    expect(await countIn(dirty(2, 12), old)).toBe(NONE(1));
  });

  it('may begin after the last write, which Windows partly wrote to the hive', async () => {
    expect(await countIn(dirty(2, 12), newLog(steps.slice(2, 4), 40))).toBe(3);
  });

  it('do not continue after a gap', async () => {
    const [first, second] = [newLog(steps.slice(0, 3), 10), newLog(steps.slice(3), 13)];
    expect(await countIn(dirty(0, 10), first, second)).toBe(2);
  });

  it('end at an entry that is damaged, cut, or of an earlier write', async () => {
    const log = newLog(steps.slice(0, 4), 10);
    const second = log.indexOf('HvLE', 513, 'latin1');
    const third = log.indexOf('HvLE', second + 1, 'latin1');
    const changed = (offset: number) => {
      const copy = Buffer.from(log);
      copy.writeUInt8(copy.readUInt8(offset) ^ 1, offset);
      return copy;
    };
    for (const at of [third, third + 8, third + 16, third + 24, third + 32, third + 40, third + 3000]) {
      expect(await countIn(dirty(0, 10), changed(at))).toBe(2);
    }
    expect(await countIn(dirty(0, 10), changed(second + 50))).toBe(1);
    expect(await countIn(dirty(0, 10), log.subarray(0, log.length - 512))).toBe(2);
    const earlier = newLog([state(7), state(6)], 4).subarray(512);
    expect(await countIn(dirty(0, 10), Buffer.concat([log, earlier]))).toBe(3);
  });

  it('without an intact entry or base block cannot be applied', async () => {
    const log = newLog(steps.slice(0, 2), 10);
    const torn = Buffer.from(log);
    torn.writeUInt8(1, 600);
    const damaged = Buffer.from(log);
    damaged.writeUInt8(1, 200);
    const unfinished = Buffer.from(log);
    unfinished.writeUInt32LE(11, 4);
    withChecksum(unfinished);
    expect(await countIn(dirty(0, 10), torn)).toBe(NONE(1));
    expect(await countIn(dirty(0, 10), EMPTY, damaged, unfinished)).toBe(NONE(3));
  });

  it('let the hive grow', async () => {
    const large = buildHive({
      keys: { K: { values: { V: dword(1) } } },
      values: { padding: binary(Buffer.alloc(60_000)) },
    });
    const hive = dirty(0, 10);
    expect(large.length).toBeGreaterThan(hive.length);
    expect(await countIn(hive, newLog([hive, large], 10))).toBe(1);
  });

  it('replace a damaged base block: the last log alone, as Windows does', async () => {
    const hive = dirty(0, 10);
    hive.fill(0, 0, 512);
    const [first, second] = [newLog(steps.slice(0, 3), 10), newLog(steps.slice(2), 12)];
    expect(await countIn(hive, first, second)).toBe(5);
    expect(await countIn(hive, EMPTY, EMPTY)).toBe(
      'its base block is damaged, and none of its 2 transaction logs can be applied',
    );
  });
});

describe('old logs', () => {
  const written = 131_332_437_451_516_000n;

  it('are applied if they belong to the last write', async () => {
    const log = oldLog(state(0), state(1), { written });
    expect(await countIn(dirty(0, 4, { written }), EMPTY, log, EMPTY)).toBe(1);
    expect(await countIn(dirty(0, 4, { written }), EMPTY, EMPTY, log)).toBe(1);
    expect(await countIn(dirty(0, 4, { written: written + 1n }), log)).toBe(NONE(1));
  });

  it('cannot be applied if they are damaged, and the next one is', async () => {
    const log = oldLog(state(0), state(1), { written });
    const noVector = Buffer.from(log);
    noVector.write('INVL', 512);
    const cut = log.subarray(0, log.length - 1);
    expect(await countIn(dirty(0, 4, { written }), noVector)).toBe(NONE(1));
    expect(await countIn(dirty(0, 4, { written }), cut)).toBe(NONE(1));
    expect(await countIn(dirty(0, 4, { written }), noVector, cut, log)).toBe(1);
  });

  it('replace a damaged base block', async () => {
    const hive = dirty(0, 4);
    hive.writeUInt8(0, 24);
    expect(await countIn(hive, oldLog(state(0), state(1), { written }))).toBe(1);
  });
});
