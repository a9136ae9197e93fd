import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import pLimit from 'p-limit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ByteRange, PAGE_SIZE, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import type { ChecksumAlgorithm, PageRun } from '../../src/base/page-run.ts';
import { pageChecksum } from '../../src/transfer/checksum.ts';
import type { Window } from '../../src/transfer/plan.ts';
import { type TransferOptions, transfer } from '../../src/transfer/transfer.ts';
import { WindowMemory } from '../../src/transfer/window-memory.ts';
import { failureOf } from '../support/vhd-fixtures.ts';
import { memoryFor } from '../support/window-memory.ts';

/** Windows of one page each: the loop does not depend on their length. */
function windowAt(index: number): Window {
  const range = { offset: index * WINDOW_SIZE, length: PAGE_SIZE };
  return { ...range, allocated: PAGE_SIZE, covers: range };
}

async function* windowsOf(count: number): AsyncGenerator<Window> {
  for (let index = 0; index < count; index++) {
    await turn();
    yield windowAt(index);
  }
}

const fillWithOnes = (_: ByteRange, into: Uint8Array): Promise<void> => {
  into.fill(1);
  return Promise.resolve();
};

/** Writes that the test completes. */
class Gate {
  inFlight = 0;
  mostInFlight = 0;
  readonly written: ByteRange[] = [];
  readonly #waiting: { readonly range: ByteRange; readonly settle: (error?: Error) => void }[] = [];

  readonly write = async ({ range }: PageRun): Promise<void> => {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push({ range, settle: (error) => (error === undefined ? resolve() : reject(error)) });
      });
      this.written.push(range);
    } finally {
      this.inFlight -= 1;
    }
  };

  /** Completes the write at this position of the queue. */
  release(place = 0, error?: Error): void {
    this.#waiting.splice(place, 1)[0]?.settle(error);
  }

  get waiting(): number {
    return this.#waiting.length;
  }
}

/** The given number of parallel requests, and one more window to read ahead. */
const inFlight = (requests: number) => ({ limit: pLimit(requests), maxWindows: requests + 1 });

const optionsOf = (options: Partial<TransferOptions>): TransferOptions => ({
  windows: windowsOf(3),
  read: fillWithOnes,
  target: { write: () => Promise.resolve() },
  memory: new WindowMemory('none'),
  ...inFlight(2),
  signal: new AbortController().signal,
  onRun: () => undefined,
  onWindow: () => undefined,
  ...options,
});

/** Waits until all pending work that does not depend on the test has completed. */
async function settleDown(): Promise<void> {
  for (let count = 0; count < 50; count++) await turn();
}

describe('transfer', () => {
  it('does nothing for an empty plan', async () => {
    let reads = 0;
    await transfer(
      optionsOf({
        windows: windowsOf(0),
        read: () => {
          reads += 1;
          return Promise.resolve();
        },
      }),
    );
    expect(reads).toBe(0);
  });

  it('sends every window exactly once, for any number of windows and any concurrency', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 12 }), async (count, concurrency) => {
        const written: number[] = [];
        const done: number[] = [];
        await transfer(
          optionsOf({
            windows: windowsOf(count),
            ...inFlight(concurrency),
            target: {
              write: async ({ range }) => {
                await turn();
                written.push(range.offset / WINDOW_SIZE);
              },
            },
            onWindow: ({ offset }) => done.push(offset / WINDOW_SIZE),
          }),
        );
        const all = Array.from({ length: count }, (_, index) => index);
        expect(written.sort((one, other) => one - other)).toEqual(all);
        expect(done.sort((one, other) => one - other)).toEqual(all);
      }),
      { numRuns: 30 },
    );
  });

  it('keeps the allowed number of requests in flight, and reads one window ahead', async () => {
    const gate = new Gate();
    let asked = 0;
    const windows = (async function* () {
      for (let index = 0; index < 20; index++) {
        asked += 1;
        yield windowAt(index);
        await turn();
      }
    })();
    const running = transfer(optionsOf({ windows, target: gate, ...inFlight(4) }));
    await settleDown();
    expect(gate.inFlight).toBe(4);
    expect(asked).toBe(5);
    gate.release(2);
    await settleDown();
    expect(gate.inFlight).toBe(4);
    expect(asked).toBe(6);
    while (gate.waiting > 0) {
      gate.release(gate.waiting - 1);
      await settleDown();
    }
    await running;
    expect(gate.mostInFlight).toBe(4);
    expect(gate.written).toHaveLength(20);
  });

  it('follows the limit when it changes', async () => {
    const gate = new Gate();
    const limit = pLimit(1);
    let reads = 0;
    const read: TransferOptions['read'] = (range, into) => {
      reads += 1;
      return fillWithOnes(range, into);
    };
    const running = transfer(optionsOf({ windows: windowsOf(20), read, target: gate, limit, maxWindows: 16 }));
    await settleDown();
    expect(gate.inFlight).toBe(1);
    expect(reads).toBe(2);
    limit.concurrency = 5;
    gate.release();
    await settleDown();
    expect(gate.inFlight).toBe(5);
    limit.concurrency = 2;
    for (let count = 0; count < 3; count++) gate.release();
    await settleDown();
    expect(gate.inFlight).toBe(2);
    while (gate.waiting > 0) {
      gate.release();
      await settleDown();
    }
    await running;
    expect(gate.written).toHaveLength(20);
  });

  it.each([1, 2, 5])('keeps at most %i windows in memory, however many requests are allowed', async (maxWindows) => {
    const buffers = new Set<number>();
    const inUse = new Set<number>();
    let isShared = false;
    await transfer(
      optionsOf({
        windows: windowsOf(30),
        limit: pLimit(64),
        maxWindows,
        read: async (_, into) => {
          isShared ||= inUse.has(into.byteOffset);
          buffers.add(into.byteOffset);
          inUse.add(into.byteOffset);
          await turn();
          into.fill(1);
        },
        target: {
          write: async ({ bytes }) => {
            await settleDown();
            inUse.delete(bytes.byteOffset);
          },
        },
      }),
    );
    expect(buffers.size).toBe(maxWindows);
    expect(isShared).toBe(false);
  });

  /** A window of full length with a run in each eighth. */
  const scatteredAt = (index: number): Window => {
    const range = { offset: index * WINDOW_SIZE, length: WINDOW_SIZE };
    return { ...range, allocated: WINDOW_SIZE, covers: range };
  };
  const fillScattered: TransferOptions['read'] = async (_, into) => {
    await turn();
    into.fill(0);
    for (let part = 0; part < 8; part++) into.fill(1, (part * WINDOW_SIZE) / 8, (part * WINDOW_SIZE) / 8 + PAGE_SIZE);
  };

  it('keeps no more windows with many runs in memory than two rounds of requests need', async () => {
    const gate = new Gate();
    const buffers = new Set<number>();
    const windows = (async function* () {
      for (let index = 0; index < 20; index++) yield await Promise.resolve(scatteredAt(index));
    })();
    const read: TransferOptions['read'] = async (window, into, signal) => {
      buffers.add(into.byteOffset);
      await fillScattered(window, into, signal);
    };
    const running = transfer(optionsOf({ windows, read, target: gate, limit: pLimit(16), maxWindows: 17 }));
    await settleDown();
    let fewest = 16;
    while (gate.written.length < 20 * 8) {
      // The last windows cannot fill the slots.
      if (gate.written.length < 16 * 8) fewest = Math.min(fewest, gate.inFlight);
      gate.release();
      await turn();
      if (gate.waiting === 0) await settleDown();
    }
    await running;
    expect(fewest, 'no slot waits for a window').toBe(16);
    // Sixteen in flight and sixteen that wait, of eight in each window; and one that is partly sent.
    expect(buffers.size).toBeLessThanOrEqual(32 / 8 + 1);
  });

  it('keeps all other slots busy while one run takes long, and reads the next window before the last one is sent', async () => {
    const gate = new Gate();
    const windows = (async function* () {
      for (let index = 0; index < 12; index++) yield await Promise.resolve(scatteredAt(index));
    })();
    const running = transfer(
      optionsOf({ windows, read: fillScattered, target: gate, limit: pLimit(4), maxWindows: 5 }),
    );
    await settleDown();
    let fewest = 4;
    // The first run is never released: its window stays in memory.
    while (gate.written.length < 11 * 8) {
      fewest = Math.min(fewest, gate.inFlight);
      gate.release(1);
      await settleDown();
    }
    expect(fewest).toBe(4);
    while (gate.waiting > 0) {
      gate.release();
      await settleDown();
    }
    await running;
    expect(gate.written).toHaveLength(12 * 8);
  });

  /** A window with a few runs far apart, and its events. */
  async function moveOneWindow(requests: number, checksum: ChecksumAlgorithm) {
    const pages = [0, 300, 700];
    const byteOf = (page: number) => (page % 251) + 1;
    const window: Window = {
      offset: WINDOW_SIZE,
      length: 1000 * PAGE_SIZE,
      allocated: 1000 * PAGE_SIZE,
      covers: { offset: 0, length: WINDOW_SIZE + 1000 * PAGE_SIZE },
    };
    const happened: string[] = [];
    const runs: PageRun[] = [];
    await transfer(
      optionsOf({
        ...inFlight(requests),
        windows: (async function* () {
          yield await Promise.resolve(window);
        })(),
        read: (_, into) => {
          into.fill(0);
          for (const page of pages) into.fill(byteOf(page), page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
          return Promise.resolve();
        },
        memory: memoryFor(checksum),
        target: {
          write: async (run) => {
            happened.push(`write ${run.range.offset}`);
            runs.push({ ...run, bytes: run.bytes.slice() });
            await turn();
          },
        },
        onRun: ({ range }) => happened.push(`sent ${range.offset}`),
        onWindow: (_, done) => happened.push(`done with ${done.length}`),
      }),
    );
    return { pages, byteOf, happened, runs, offsets: pages.map((page) => WINDOW_SIZE + page * PAGE_SIZE) };
  }

  it('sends each run of a window with its bytes and checksum, and reports the window as done after the last one', async () => {
    for (const algorithm of ['crc64', 'md5'] as const) {
      const { pages, byteOf, happened, runs } = await moveOneWindow(1, algorithm);
      expect(happened.at(-1)).toBe('done with 3');
      expect(runs).toHaveLength(3);
      for (const page of pages) {
        const bytes = new Uint8Array(PAGE_SIZE).fill(byteOf(page));
        expect(runs).toContainEqual({
          range: { offset: WINDOW_SIZE + page * PAGE_SIZE, length: PAGE_SIZE },
          bytes,
          checksum: { algorithm, value: Uint8Array.from(pageChecksum(algorithm, bytes)?.value ?? []) },
        });
      }
    }
  });

  it('reads windows from their place in a file, and sends the same data as otherwise', async () => {
    const windows = Array.from({ length: 6 }, (_, index) => {
      const range = { offset: index * WINDOW_SIZE, length: index === 5 ? 3 * PAGE_SIZE : WINDOW_SIZE };
      return { ...range, allocated: range.length, covers: range };
    });
    const disk = Buffer.alloc(5 * WINDOW_SIZE + 3 * PAGE_SIZE);
    for (let at = 0; at < disk.length; at += 4) disk.writeUInt32LE(at + 1, at);
    const zeros = (window: number, from: number, length: number) => {
      disk.fill(0, window * WINDOW_SIZE + from, window * WINDOW_SIZE + from + length);
    };
    // A joined page, a gap that sampling every 256 KiB detects, one that it misses, a full window, and an empty one.
    zeros(0, 256 * 1024, PAGE_SIZE);
    zeros(1, 256 * 1024, 100 * 1024);
    zeros(2, PAGE_SIZE, 200 * 1024);
    zeros(3, 0, WINDOW_SIZE);
    const folder = await mkdtemp(join(tmpdir(), 'vhdup-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    // The last window is shorter.
    await writeFile(join(folder, 'disk'), disk.subarray(0, disk.length - 100));
    const file = await open(join(folder, 'disk'));
    onTestFinished(() => file.close());

    const move = async (options: Partial<TransferOptions>) => {
      const reads: number[] = [];
      const runs: PageRun[] = [];
      await transfer(
        optionsOf({
          ...options,
          ...inFlight(3),
          windows: (async function* () {
            for (const window of windows) yield await Promise.resolve(window);
          })(),
          read: ({ offset, length }, into) => {
            reads.push(offset);
            into.set(disk.subarray(offset, offset + length));
            return Promise.resolve();
          },
          target: {
            write: (run) => {
              runs.push({ ...run, bytes: run.bytes.slice() });
              return Promise.resolve();
            },
          },
        }),
      );
      return { reads, runs: runs.sort((one, other) => one.range.offset - other.range.offset) };
    };
    for (const checksum of ['crc64', 'md5', 'none'] as const) {
      const memory = memoryFor(checksum);
      const asked = await move({ memory });
      const located = await move({
        memory,
        locate: ({ offset }) => Promise.resolve({ fd: file.fd, position: offset }),
      });
      expect(located.runs.map(({ range, checksum }) => ({ range, checksum }))).toEqual(
        asked.runs.map(({ range, checksum }) => ({ range, checksum })),
      );
      expect(
        located.runs.every(({ bytes }, index) => Buffer.compare(bytes, asked.runs[index]?.bytes ?? bytes) === 0),
      ).toBe(true);
      // Without checksums, the worker has no advantage.
      expect(located.reads).toEqual(checksum === 'none' ? windows.map(({ offset }) => offset) : [5 * WINDOW_SIZE]);
      expect(located.runs.map(({ range }) => range)).toContainEqual({ offset: 4 * WINDOW_SIZE, length: WINDOW_SIZE });
    }
  });

  it('reads a few windows at a time, and none after a failure', async () => {
    const waiting: (() => void)[] = [];
    const done: Window[] = [];
    let reads = 0;
    const broken = new Error('broken');
    const running = failureOf(
      transfer(
        optionsOf({
          ...inFlight(16),
          windows: windowsOf(20),
          read: async (_, into) => {
            reads += 1;
            if (reads === waiting.length + 1) await new Promise<void>((resolve) => waiting.push(resolve));
            into.fill(1);
          },
          target: { write: () => Promise.reject(broken) },
          onWindow: (window) => done.push(window),
        }),
      ),
    );
    await settleDown();
    expect(reads).toBeLessThan(8);
    const [first, ...others] = waiting.splice(0);
    first?.();
    await settleDown();
    for (const read of others) read();
    expect(await running).toBe(broken);
    // There is room for 17 windows. A few may start before the failure is known.
    expect(reads).toBeLessThan(8);
    // Unread windows are never sent.
    expect(done).toEqual([]);
  });

  it('sends the runs of a window in parallel, up to the limit', async () => {
    const one = await moveOneWindow(1, 'none');
    expect(one.happened).toEqual([
      ...one.offsets.flatMap((offset) => [`write ${offset}`, `sent ${offset}`]),
      'done with 3',
    ]);
    const many = await moveOneWindow(8, 'none');
    expect(many.happened).toEqual([
      ...many.offsets.map((offset) => `write ${offset}`),
      ...many.offsets.map((offset) => `sent ${offset}`),
      'done with 3',
    ]);
  });

  it('reports a window of zeros as done without writing anything', async () => {
    const done: (readonly ByteRange[])[] = [];
    let writes = 0;
    await transfer(
      optionsOf({
        windows: windowsOf(2),
        read: (_, into) => {
          into.fill(0);
          return Promise.resolve();
        },
        target: {
          write: () => {
            writes += 1;
            return Promise.resolve();
          },
        },
        onWindow: (_, runs) => done.push(runs),
      }),
    );
    expect(done).toEqual([[], []]);
    expect(writes).toBe(0);
  });
});

describe('transfer, when something fails', () => {
  const broken = new Error('broken');

  it('throws the first error of a write only when no write is in flight', async () => {
    const gate = new Gate();
    const done: number[] = [];
    let hasEnded = false;
    const running = failureOf(
      transfer(
        optionsOf({
          windows: windowsOf(20),
          target: gate,
          ...inFlight(3),
          onWindow: ({ offset }) => done.push(offset),
        }),
      ),
    ).finally(() => {
      hasEnded = true;
    });
    await settleDown();
    gate.release(0, broken);
    await settleDown();
    expect(gate.inFlight).toBe(2);
    expect(hasEnded).toBe(false);
    gate.release(0, new Error('a later failure'));
    await settleDown();
    expect(hasEnded).toBe(false);
    gate.release(0);
    expect(await running).toBe(broken);
    // Writes acknowledged after the failure count. No new write was started.
    expect(done).toEqual([2 * WINDOW_SIZE]);
    expect(gate.waiting).toBe(0);
  });

  it('aborts the other writes', async () => {
    const signals: AbortSignal[] = [];
    const error = await failureOf(
      transfer(
        optionsOf({
          windows: windowsOf(20),
          ...inFlight(3),
          target: {
            write: async (_, signal) => {
              signals.push(signal);
              while (signals.length < 3) await turn();
              if (signal === signals[0] && signals.length === 3) {
                signals.push(signal);
                throw broken;
              }
              while (!signal.aborted) await turn();
              throw signal.reason;
            },
          },
        }),
      ),
    );
    expect(error).toBe(broken);
    expect(signals.every((signal) => signal.aborted)).toBe(true);
  });

  it.each([
    ['a read', { read: () => Promise.reject(broken) }],
    ['a write', { target: { write: () => Promise.reject(broken) } }],
    [
      'onRun',
      {
        onRun: () => {
          throw broken;
        },
      },
    ],
    [
      'onWindow',
      {
        onWindow: () => {
          throw broken;
        },
      },
    ],
    [
      'the plan',
      {
        windows: (async function* () {
          yield await Promise.resolve(windowAt(0));
          throw broken;
        })(),
      },
    ],
  ])('throws the error of %s unchanged', async (_, options) => {
    expect(await failureOf(transfer(optionsOf(options)))).toBe(broken);
  });

  it('waits for writes in flight when the plan fails', async () => {
    const gate = new Gate();
    let hasEnded = false;
    const running = failureOf(
      transfer(
        optionsOf({
          windows: (async function* () {
            yield windowAt(0);
            while (gate.waiting === 0) await turn();
            throw broken;
          })(),
          target: gate,
        }),
      ),
    ).finally(() => {
      hasEnded = true;
    });
    await settleDown();
    expect(hasEnded).toBe(false);
    gate.release();
    expect(await running).toBe(broken);
  });

  it('closes the plan when it stops early', async () => {
    let isClosed = false;
    const windows = (async function* () {
      try {
        for (let index = 0; ; index++) yield await Promise.resolve(windowAt(index));
      } finally {
        isClosed = true;
      }
    })();
    await failureOf(transfer(optionsOf({ windows, read: () => Promise.reject(broken) })));
    expect(isClosed).toBe(true);
  });

  it('does not report a window as done if one of its writes failed', async () => {
    const done: number[] = [];
    await failureOf(
      transfer(
        optionsOf({
          windows: windowsOf(6),
          ...inFlight(1),
          target: {
            write: ({ range }) => (range.offset === 3 * WINDOW_SIZE ? Promise.reject(broken) : Promise.resolve()),
          },
          onWindow: ({ offset }) => done.push(offset / WINDOW_SIZE),
        }),
      ),
    );
    expect(done).toEqual([0, 1, 2]);
  });
});

describe('transfer, when it is aborted', () => {
  it('throws the reason unchanged, after everything in flight has settled', async () => {
    const stop = new AbortController();
    const gate = new Gate();
    // Not an Error: the caller may choose any reason.
    const reason = { why: 'enough' };
    let hasEnded = false;
    const running = transfer(optionsOf({ windows: windowsOf(9), target: gate, signal: stop.signal })).then(
      () => 'it did not fail',
      (error: unknown) => error,
    );
    const ended = running.finally(() => {
      hasEnded = true;
    });
    await settleDown();
    stop.abort(reason);
    await settleDown();
    expect(hasEnded).toBe(false);
    gate.release(0, new Error('what the write made of it'));
    gate.release();
    expect(await ended).toBe(reason);
    expect(gate.inFlight).toBe(0);
  });

  it('does not read at all if the signal is already aborted', async () => {
    const reason = new Error('enough');
    let reads = 0;
    const read = () => {
      reads += 1;
      return Promise.resolve();
    };
    expect(await failureOf(transfer(optionsOf({ read, signal: AbortSignal.abort(reason) })))).toBe(reason);
    expect(reads).toBe(0);
  });

  it('reads as many windows at once as a pace allows, which may change', async () => {
    const pace = { concurrency: 2 };
    const waiting: (() => void)[] = [];
    const read = (_: ByteRange, into: Uint8Array) => {
      into.fill(1);
      return new Promise<void>((resolve) => waiting.push(resolve));
    };
    const running = transfer(optionsOf({ windows: windowsOf(12), read, pace, maxWindows: 6 }));
    await settleDown();
    // One more than requests, so that the next one can start at once.
    expect(waiting).toHaveLength(3);
    pace.concurrency = 9;
    waiting.shift()?.();
    await settleDown();
    expect(waiting).toHaveLength(6);
    for (let left = 11; left > 0; left--) {
      waiting.shift()?.();
      await settleDown();
    }
    await running;
  });

  it('stops a reader when the transfer stops', async () => {
    const failure = new Error('the target is full');
    const signals: AbortSignal[] = [];
    const read = (_: ByteRange, into: Uint8Array, signal: AbortSignal) => {
      into.fill(1);
      signals.push(signal);
      return Promise.resolve();
    };
    const target = { write: () => Promise.reject(failure) };
    expect(await failureOf(transfer(optionsOf({ read, target })))).toBe(failure);
    expect(signals.every((signal) => signal.aborted && signal.reason === failure)).toBe(true);
  });

  it('computes no checksums for a target that uses none', async () => {
    const runs: PageRun[] = [];
    const target = {
      write: (run: PageRun) => {
        runs.push(run);
        return Promise.resolve();
      },
    };
    const memory = memoryFor('crc64');
    await transfer(optionsOf({ memory, target, checksums: false }));
    expect(runs.map(({ checksum }) => checksum)).toEqual([undefined, undefined, undefined]);
  });

  it('does not send the runs of a window that was read during the abort', async () => {
    const stop = new AbortController();
    let writes = 0;
    const reason = new Error('enough');
    const error = await failureOf(
      transfer(
        optionsOf({
          signal: stop.signal,
          read: (_, into) => {
            into.fill(1);
            stop.abort(reason);
            return Promise.resolve();
          },
          target: {
            write: () => {
              writes += 1;
              return Promise.resolve();
            },
          },
        }),
      ),
    );
    expect(error).toBe(reason);
    expect(writes).toBe(0);
  });
});
