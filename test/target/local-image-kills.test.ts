// Cuts the recorded file operations of a run at every moment, and resumes from the last checkpoint before the cut.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { alignDown, MIB } from '../../src/base/byte-range.ts';
import { LocalFile } from '../../src/target/local-file.ts';
import { LOCAL_IMAGE_FORMATS, type LocalImageOptions, type LocalImageState } from '../../src/target/local-image.ts';
import { openLocalImage } from '../../src/target/open-local-image.ts';
import { patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { expectSameBytes, openWatched, temporaryFolder } from '../support/vhd-fixtures.ts';
import { readRange } from '../support/vhdx-workspace.ts';
import { expectDiskIs } from '../support/written-disk.ts';

const SIGNAL = new AbortController().signal;
const DISK_SIZE = 9 * MIB + 512;

/** In several blocks and across their edges, out of order. Each batch is written at once. */
const BATCHES = [
  [6 * MIB, 4 * MIB - 512],
  [4 * MIB + 4096, DISK_SIZE - 512, 0],
  [8 * MIB - 512, 512 * 512],
].map((batch) =>
  batch.map((offset) => ({ offset, bytes: patternOf(offset / 512, Math.min(1024, DISK_SIZE - offset)) })),
);
const RUNS = BATCHES.flat();

/** One operation, with the moments of its start, of its end, and from which it survives a power failure. */
interface Operation {
  readonly position: number;
  /** Undefined: the file gets the length `position`. */
  readonly bytes: Uint8Array | undefined;
  readonly startedAt: number;
  endedAt: number;
  durableAt: number;
}

interface Checkpoint {
  readonly state: LocalImageState;
  readonly at: number;
  /** Numbers of the runs whose writes had settled when it began. */
  readonly settled: ReadonlySet<number>;
}

/** Records what reaches the file. Nothing is flushed for real, because no power fails here. */
function record() {
  const operations: Operation[] = [];
  let now = 0;
  const tick = () => ++now;
  const { truncate, writeAt } = LocalFile.prototype;
  async function watch(position: number, bytes: Uint8Array | undefined, action: () => Promise<void>): Promise<void> {
    const operation = { position, bytes: bytes?.slice(), startedAt: tick(), endedAt: Infinity, durableAt: Infinity };
    operations.push(operation);
    await action();
    operation.endedAt = tick();
  }
  vi.spyOn(LocalFile.prototype, 'writeAt').mockImplementation(async function (this: LocalFile, position, bytes) {
    await watch(position, bytes, () => writeAt.call(this, position, bytes));
  });
  vi.spyOn(LocalFile.prototype, 'truncate').mockImplementation(async function (this: LocalFile, length) {
    await watch(length, undefined, () => truncate.call(this, length));
  });
  vi.spyOn(LocalFile.prototype, 'sync').mockImplementation(async () => {
    const flushed = operations.filter(({ endedAt }) => endedAt < Infinity);
    await Promise.resolve();
    const at = tick();
    for (const operation of flushed) operation.durableAt = Math.min(operation.durableAt, at);
  });
  return { operations, tick };
}

async function writeRecorded(options: LocalImageOptions) {
  const { operations, tick } = record();
  const target = await openLocalImage(options);
  const settled = new Set<number>();
  const checkpoints: Checkpoint[] = [];
  const save = async () => {
    const before = new Set(settled);
    const state = await target.checkpoint();
    checkpoints.push({ state, at: tick(), settled: before });
  };
  await save();
  for (const batch of BATCHES) {
    const saved = save();
    const writes = batch.map(async (run) => {
      await target.write({ range: { offset: run.offset, length: run.bytes.length }, bytes: run.bytes }, SIGNAL);
      settled.add(RUNS.indexOf(run));
    });
    // One checkpoint begins before the batch, one while it is written.
    await Promise.race(writes);
    await Promise.all([saved, save(), ...writes]);
  }
  await target.finish();
  return { operations: [...operations], checkpoints, end: tick() };
}

/** The temporary file as a power failure at `cut` can leave it: what is not durable may be there, in part, or not at all. */
async function leaveFile(
  path: string,
  { operations, cut, length }: { operations: readonly Operation[]; cut: number; length: number },
): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.truncate(length);
    for (const [index, { position, bytes, startedAt, durableAt }] of operations.entries()) {
      const fate = durableAt > cut ? (index * 7 + cut * 3) % 5 : 4;
      const [isLost, isTorn] = [fate < 2, fate === 2];
      if (startedAt > cut || isLost) continue;
      if (bytes === undefined) await handle.truncate(position);
      else await handle.write(bytes, 0, isTorn ? alignDown(bytes.length / 2, 512) : bytes.length, position);
    }
  } finally {
    await handle.close();
  }
}

afterEach(() => vi.restoreAllMocks());

describe('a run that is killed', () => {
  it.each(LOCAL_IMAGE_FORMATS)('at any moment leaves a %s that resumes from its last checkpoint', async (format) => {
    const folder = await temporaryFolder();
    const options: LocalImageOptions = {
      path: join(folder, 'disk'),
      format,
      diskSize: DISK_SIZE,
      diskId: uniqueIdOf(1),
      timestamp: 1,
      overwrite: true,
      resumable: true,
    };
    const { operations, checkpoints, end } = await writeRecorded(options);
    expect(checkpoints.length).toBe(1 + 2 * BATCHES.length);
    expect(operations.length).toBeGreaterThan(RUNS.length);
    for (let cut = checkpoints[0]?.at ?? end; cut <= end; cut++) {
      const last = checkpoints.findLast(({ at }) => at <= cut);
      if (last === undefined) throw new Error('The first cut follows the first checkpoint.');
      await leaveFile(join(folder, last.state.temporary), { operations, cut, length: last.state.length });
      const target = await openLocalImage({ ...options, resume: last.state });
      // Every other cut shows that the runs of the checkpoint are there; the rest, that the remaining runs complete the disk.
      const isCompleted = cut % 2 === 0;
      const missing = isCompleted ? RUNS.filter((_, index) => !last.settled.has(index)) : [];
      for (const { offset, bytes } of missing) {
        await target.write({ range: { offset, length: bytes.length }, bytes }, SIGNAL);
      }
      await target.finish();
      const { image, warnings } = await openWatched(options.path, format === 'raw' ? { format } : {});
      expect(warnings).toEqual([]);
      if (isCompleted) await expectDiskIs(image, RUNS);
      for (const { offset, bytes } of RUNS.filter((_, index) => last.settled.has(index))) {
        expectSameBytes(await readRange(image, offset, bytes.length), bytes);
      }
      await image.close();
    }
  });
});
