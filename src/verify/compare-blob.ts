// compareBlob: the disk of an image against a page blob, window by window.
import pLimit, { type LimitFunction } from 'p-limit';
import { type ByteRange, endOf, PAGE_SIZE } from '../base/byte-range.ts';
import { ChildAbort } from '../base/linked-abort.ts';
import { bytesOf, joinRanges, subtractRanges } from '../base/range-list.ts';
import type { EventListener } from '../events.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import { planTotals, planWindows, windowsLeft } from '../transfer/plan.ts';
import type { Progress } from '../transfer/progress.ts';
import type { WindowMemory } from '../transfer/window-memory.ts';
import { findRuns, JOINED_GAP } from '../transfer/zero-pages.ts';
import {
  type Difference,
  type DifferenceKind,
  type Differences,
  differingRanges,
  keepWhatDiffersTwice,
} from './differences.ts';
import { type ListedWindow, windowsWithListed } from './windows.ts';

/**
 * Windows of the image in memory at once, beside those of the blob. These may be long on their way; the image is read only once
 * they are there.
 */
const IMAGE_WINDOWS = 3;

export interface CompareOptions {
  readonly source: FixedVhdView;
  readonly store: RetryingPageStore;
  /** Of the blob: what is read back is of it and of nothing later. */
  readonly etag: string;
  /** Read every listed page back and compare bytes. Without it, compare the list alone. */
  readonly full: boolean;
  /**
   * Whether vhdup wrote the blob, so that it must list the runs that vhdup sends and nothing else. Should these be cut in
   * another way one day, older blobs must be recognised by their metadata.
   */
  readonly isOurs: boolean;
  /** Compare the image with the checksums that were sent, too. */
  readonly manifest?: ManifestReader | undefined;
  /** Its checksums are the manifest's, if there is one, and what the service covers the pages with that it sends. */
  readonly memory: WindowMemory;
  readonly concurrency: Concurrency;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
  /** What is done already, and where to keep what gets done. Its `sent` counts the bytes that were read back. */
  readonly progress: Progress;
  /** Where differences go. */
  readonly differences: Differences;
}

/**
 * Compares the whole disk; the footer is the caller's. Memory is bounded by `concurrency`, whatever the size of disk and list.
 * @returns bytes that the blob lists and that are zero in the image: without `full` nobody looked at them.
 * @throws the first failure; the reason of `signal`, unchanged, on abort. Nothing is in flight any more then.
 */
export async function compareBlob(options: CompareOptions): Promise<{ notCompared: number }> {
  const { source, store, progress, concurrency } = options;
  const stop = new ChildAbort(options.signal);
  const { signal } = stop;
  const comparison = new Comparison(options, stop);
  const counting = planTotals(planWindows(source), progress.doneBefore, signal).then(
    (plan) => {
      progress.plan = plan;
    },
    (error: unknown) => stop.abort(error),
  );
  const running = new Set<Promise<void>>();
  try {
    const windows = windowsWithListed(planWindows(source), listedRanges(store, signal), source.diskSize);
    for await (const window of windowsLeft(windows, progress.doneBefore)) {
      if (signal.aborted) break;
      const task: Promise<void> = comparison
        .compare(window as ListedWindow)
        .catch((error: unknown) => stop.abort(error))
        .finally(() => running.delete(task));
      running.add(task);
      // One window is read ahead, so that a request that ends finds the next one ready.
      while (running.size >= Math.min(store.limit.concurrency + 1, concurrency.maxWindows)) await Promise.race(running);
    }
  } catch (error) {
    stop.abort(error);
  } finally {
    await Promise.all(running);
    await counting;
    stop.unlink();
  }
  signal.throwIfAborted();
  return { notCompared: comparison.notCompared };
}

/** What the blob holds in a window. */
interface Received {
  readonly bytes: Uint8Array;
  /** What was read; the rest is not listed, and so zero. */
  readonly ranges: readonly ByteRange[];
  /** Whether the service's checksums cover all of it. */
  readonly isProven: boolean;
}

/** What the comparisons of all windows share. */
class Comparison {
  notCompared = 0;
  readonly #options: CompareOptions;
  readonly #reading: LimitFunction;
  readonly #stop: ChildAbort;

  constructor(options: CompareOptions, stop: ChildAbort) {
    this.#options = options;
    this.#reading = pLimit(options.full ? IMAGE_WINDOWS : options.concurrency.maxWindows);
    this.#stop = stop;
  }

  async compare(window: ListedWindow): Promise<void> {
    const { full, differences, progress } = this.#options;
    const ofBlob = full ? this.#options.memory.take() : undefined;
    const received = ofBlob && (await this.#receive(window, ofBlob.subarray(0, window.length)));
    await this.#reading(async () => {
      // What was received is worth to be compared still: it may have taken long.
      if (this.#stop.signal.aborted && received === undefined) return;
      const ofImage = this.#options.memory.take();
      const { runs, found } = await this.#compareWithImage(window, ofImage.subarray(0, window.length), received);
      this.#options.memory.giveBack(ofImage);
      // In one go: a state that is saved holds a window with its differences, or neither.
      for (const difference of found) differences.add(difference);
      // Where the image cannot hold data nothing was planned.
      progress.windowDone({ ...window, length: window.allocated > 0 ? window.length : 0 }, runs);
    });
    if (ofBlob !== undefined) this.#options.memory.giveBack(ofBlob);
    this.#report();
  }

  /** @param expected - Gets what the image holds. */
  async #compareWithImage(
    window: ListedWindow,
    expected: Uint8Array,
    received: Received | undefined,
  ): Promise<{ runs: readonly ByteRange[]; found: readonly Difference[] }> {
    const { source, manifest } = this.#options;
    if (window.allocated > 0) await source.read(window, expected);
    else expected.fill(0);
    const runs = runsOf(window, expected, JOINED_GAP);
    const found = [
      ...(manifest === undefined ? [] : await this.#compareManifest(window, expected, runs, manifest)),
      ...(received === undefined
        ? this.#comparePageList(window, expected, runs)
        : await this.#compareBytes(window, expected, received)),
    ];
    return { runs, found };
  }

  async #compareManifest(
    window: ListedWindow,
    expected: Uint8Array,
    runs: readonly ByteRange[],
    manifest: ManifestReader,
  ): Promise<Difference[]> {
    const recorded = (await manifest.runsAt(window.offset)).filter((run) => isPagesWithin(run, window));
    const changed: ByteRange[] = [];
    for (const run of recorded) {
      const checksum = await this.#options.memory.checksum(partOf(expected, window, run));
      if (Buffer.from(checksum?.value ?? []).toString('hex') !== run.checksum) changed.push(run);
    }
    return [...of('manifest', changed), ...of('manifest', subtractRanges(runs, recorded))];
  }

  #comparePageList(window: ListedWindow, expected: Uint8Array, runs: readonly ByteRange[]): Difference[] {
    const { isOurs } = this.#options;
    // Others write zeros of their own choice: what must be listed is what is not zero.
    const needed = isOurs ? runs : runsOf(window, expected, 0);
    const more = subtractRanges(window.listed, needed);
    if (!isOurs) this.notCompared += bytesOf(more);
    return [...of('missing', subtractRanges(needed, window.listed)), ...(isOurs ? of('unexpected', more) : [])];
  }

  /** @param bytes - Gets what the blob holds. */
  async #receive(window: ListedWindow, bytes: Uint8Array): Promise<Received> {
    const ranges = joinRanges(window.listed, JOINED_GAP);
    const isProven = await this.#fill(bytes, window, ranges);
    for (const range of ranges) this.#options.progress.runSent(range);
    return { bytes, ranges, isProven };
  }

  async #compareBytes(window: ByteRange, expected: Uint8Array, received: Received): Promise<Difference[]> {
    const { bytes, ranges, isProven } = received;
    if (!isProven && Buffer.compare(expected, bytes) !== 0) {
      const first = bytes.slice();
      await this.#fill(bytes, window, ranges);
      keepWhatDiffersTwice(expected, first, bytes);
    }
    const isSame = Buffer.compare(expected, bytes) === 0;
    return isSame ? [] : of('content', differingRanges(expected, bytes, window.offset));
  }

  /** Makes `actual` what the blob holds in the window. @returns whether the service's checksums cover it. */
  async #fill(actual: Uint8Array, window: ByteRange, ranges: readonly ByteRange[]): Promise<boolean> {
    const { store, etag, memory } = this.#options;
    const options = { etag, checksum: memory.algorithm, checksumOf: (bytes: Uint8Array) => memory.checksum(bytes) };
    actual.fill(0);
    let isProven = true;
    const read = async (range: ByteRange) => {
      if (!(await store.read(range, partOf(actual, window, range), options, this.#stop.signal))) isProven = false;
    };
    // Nothing may write into the memory any more when a failure is reported.
    await Promise.all(ranges.map((range) => read(range).catch((error: unknown) => this.#stop.abort(error))));
    this.#stop.signal.throwIfAborted();
    return isProven;
  }

  #report(): void {
    const { source, store, progress, emit } = this.#options;
    emit({ type: 'progress', ...progress.totals(source.diskSize), ...store.counters });
  }
}

function isPagesWithin(run: ByteRange, window: ByteRange): boolean {
  const isAligned = run.offset % PAGE_SIZE === 0 && run.length % PAGE_SIZE === 0;
  return isAligned && run.length > 0 && run.offset >= window.offset && endOf(run) <= endOf(window);
}

function of(kind: DifferenceKind, ranges: readonly ByteRange[]): Difference[] {
  return ranges.map(({ offset, length }) => ({ kind, offset, length }));
}

/** @param bytes - Of the window. */
function runsOf(window: ByteRange, bytes: Uint8Array, joinedGap: number): ByteRange[] {
  return findRuns(bytes, joinedGap).map(({ offset, length }) => ({ offset: window.offset + offset, length }));
}

/** @param bytes - Of the window, which `range` is in. */
function partOf(bytes: Uint8Array, window: ByteRange, range: ByteRange): Uint8Array {
  return bytes.subarray(range.offset - window.offset, endOf(range) - window.offset);
}
