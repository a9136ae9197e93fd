import { setImmediate as turn } from 'node:timers/promises';
import pLimit from 'p-limit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ByteRange, MIB, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import type { UploadEvent } from '../../src/events.ts';
import { type MoveDiskOptions, moveDisk } from '../../src/transfer/move-disk.ts';
import { Progress } from '../../src/transfer/progress.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const SIZE = 5 * WINDOW_SIZE;

async function* allOf(size: number): AsyncGenerator<ByteRange> {
  yield await Promise.resolve({ offset: 0, length: size });
}

const optionsOf = (options: Partial<MoveDiskOptions>): MoveDiskOptions => ({
  source: {
    diskSize: SIZE,
    extents: () => allOf(SIZE),
    read: (_, into) => {
      into.fill(1);
      return Promise.resolve();
    },
  },
  target: { write: () => Promise.resolve() },
  limit: pLimit(2),
  maxWindows: 3,
  signal: new AbortController().signal,
  emit: () => undefined,
  ...options,
});

/** Unhandled rejections: Node.js terminates the program for one. */
function watchRejections(): unknown[] {
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => {
    process.off('unhandledRejection', note);
  });
  return rejections;
}

describe('moveDisk', () => {
  it('moves everything, and returns the totals', async () => {
    const events: UploadEvent[] = [];
    const progress = await moveDisk(optionsOf({ emit: (event) => events.push(event) }));
    expect(progress.plan).toEqual({ planned: SIZE, done: 0, allocated: SIZE });
    expect(progress.totals(SIZE)).toMatchObject({ done: SIZE, sent: SIZE, read: SIZE, zeros: 0, unallocated: 0 });
    expect(events[0]).toEqual({ type: 'phase', phase: 'sending' });
    expect(events.filter(({ type }) => type === 'progress').at(-1)).toMatchObject({ planned: SIZE, done: SIZE });
  });

  it('reports totals that never shrink', async () => {
    const done: number[] = [];
    await moveDisk(
      optionsOf({
        emit: (event) => {
          if (event.type === 'progress') done.push(event.done);
        },
      }),
    );
    expect(done.length).toBeGreaterThan(5);
    expect(done).toEqual([...done].sort((one, other) => one - other));
  });

  it('sends only what an earlier run has not finished', async () => {
    const earlier = { done: [{ offset: 0, length: 3 * WINDOW_SIZE }], sent: { bytes: 512, pages: '0'.repeat(16) } };
    const written: number[] = [];
    const progress = await moveDisk(
      optionsOf({
        progress: new Progress(earlier),
        target: {
          write: ({ range }) => {
            written.push(range.offset);
            return Promise.resolve();
          },
        },
      }),
    );
    expect(written).toEqual([3 * WINDOW_SIZE, 4 * WINDOW_SIZE]);
    expect(progress.totals(SIZE)).toMatchObject({ done: SIZE, sent: 2 * WINDOW_SIZE, sentBefore: 512 });
  });

  it("reports the target's request counters", async () => {
    const events: UploadEvent[] = [];
    await moveDisk(optionsOf({ emit: (event) => events.push(event), requests: () => ({ requests: 7, retries: 3 }) }));
    const last = events.filter(({ type }) => type === 'progress').at(-1);
    expect(last).toMatchObject({ requests: 7, retries: 3 });
  });

  it('ends with a map of the disk, also after a failure', async () => {
    const events: UploadEvent[] = [];
    await moveDisk(optionsOf({ emit: (event) => events.push(event) }));
    const target = { write: () => Promise.reject(new Error('refused')) };
    await failureOf(moveDisk(optionsOf({ emit: (event) => events.push(event), target })));
    const maps = events.filter(({ type }) => type === 'map');
    expect(maps).toHaveLength(2);
    expect(events.at(-1)).toBe(maps[1]);
  });

  it('fails with the error of counting the plan, while a write is in flight', async () => {
    const rejections = watchRejections();
    const broken = new Error('BAT entry 17 is broken');
    let walks = 0;
    let inFlight = 0;
    const source = optionsOf({}).source;
    const running = moveDisk(
      optionsOf({
        limit: pLimit(1),
        maxWindows: 2,
        source: {
          ...source,
          // Counting is ahead of the transfer: it reaches the broken entry first.
          extents: async function* () {
            walks += 1;
            const isCounting = walks === 1;
            yield { offset: 0, length: MIB };
            if (isCounting) {
              await turn();
              throw broken;
            }
            yield { offset: 4 * WINDOW_SIZE, length: MIB };
          },
        },
        target: {
          write: async (_, signal) => {
            inFlight += 1;
            for (let count = 0; count < 20 && !signal.aborted; count++) await turn();
            inFlight -= 1;
            signal.throwIfAborted();
          },
        },
      }),
    );
    expect(await failureOf(running)).toBe(broken);
    expect(inFlight).toBe(0);
    await turn();
    expect(rejections).toEqual([]);
  });

  it('throws the error of counting even if everything was moved before', async () => {
    const broken = new Error('BAT entry 17 is broken');
    let walks = 0;
    const { source } = optionsOf({});
    const running = moveDisk(
      optionsOf({
        source: {
          ...source,
          extents: async function* () {
            walks += 1;
            const isCounting = walks === 1;
            yield { offset: 0, length: MIB };
            if (!isCounting) return;
            for (let count = 0; count < 50; count++) await turn();
            throw broken;
          },
        },
      }),
    );
    expect(await failureOf(running)).toBe(broken);
  });

  it('throws the error of a write, and stops counting', async () => {
    const rejections = watchRejections();
    const broken = new Error('refused');
    let isCounting = true;
    const { source } = optionsOf({});
    const error = await failureOf(
      moveDisk(
        optionsOf({
          source: {
            ...source,
            extents: async function* () {
              try {
                for (let offset = 0; offset < SIZE; offset += WINDOW_SIZE) {
                  await turn();
                  yield { offset, length: WINDOW_SIZE };
                }
              } finally {
                isCounting = false;
              }
            },
          },
          target: { write: () => Promise.reject(broken) },
        }),
      ),
    );
    expect(error).toBe(broken);
    expect(isCounting).toBe(false);
    await turn();
    expect(rejections).toEqual([]);
  });

  it('throws the reason of the signal unchanged', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const running = moveDisk(
      optionsOf({
        signal: stop.signal,
        target: {
          write: (_, signal) => {
            stop.abort(reason);
            return Promise.reject(signal.reason);
          },
        },
      }),
    );
    expect(await failureOf(running)).toBe(reason);
    expect(await failureOf(moveDisk(optionsOf({ signal: AbortSignal.abort(reason) })))).toBe(reason);
  });
});
