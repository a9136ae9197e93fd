// compareBlob: compares the disk of an image with a page blob, window by window.
import pLimit, { type LimitFunction } from 'p-limit';
import { type ByteRange, endOf, PAGE_SIZE } from '../base/byte-range.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import { bytesOf, joinRanges, subtractRanges } from '../base/range-list.ts';
import type { EventListener } from '../events.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import { DiskMap } from '../transfer/disk-map.ts';
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
 * One window of the image in memory for so many of the blob, and at most three. It is read only after the blob's window has arrived,
 * which takes longer.
 */
const BLOB_WINDOWS_PER_IMAGE_WINDOW = 8;
const MAX_IMAGE_WINDOWS = 3;

export interface CompareOptions {
  readonly source: FixedVhdView;
  readonly store: RetryingPageStore;
  /** ETag of the blob, so that all data is read back from one version of it. */
  readonly etag: string;
  /** Read back every listed page and compare bytes. Otherwise compare only the page list. */
  readonly full: boolean;
  /**
   * Whether vhdup wrote the blob, so that it must list exactly the runs that vhdup sends. If a later version cuts runs differently, it
   * must recognise older blobs by their metadata.
   */
  readonly isOurs: boolean;
  /** Also compare the image with the checksums that were sent. */
  readonly manifest?: ManifestReader | undefined;
  /** Uses the checksum algorithm of the manifest, if there is one. The service is asked for the same algorithm. */
  readonly memory: WindowMemory;
  readonly concurrency: Concurrency;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
  /** What is already compared; it is updated. Its `sent` counts the bytes that were read back. */
  readonly progress: Progress;
  /** Receives the differences. */
  readonly differences: Differences;
}

/**
 * Compares the whole disk, but not the footer. `concurrency` bounds the memory, whatever the size of the disk and the list.
 * @returns bytes that the blob lists and that are zero in the image; without `full` they are not compared.
 * @throws the first failure; the reason of `signal`, unchanged, on abort. Nothing is in flight any more by then.
 */
export async function compareBlob(options: CompareOptions): Promise<{ notCompared: number }> {
  const { source, store, progress } = options;
  const stop = new LinkedAbort(options.signal);
  const { signal } = stop;
  const map = new DiskMap(source.diskSize, progress.doneBefore.ranges);
  const comparison = new Comparison(options, stop, map);
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
      // One more window than the limit, so that a request can start as soon as another one ends.
      while (running.size >= Math.min(store.limit.concurrency + 1, comparison.blobWindows)) await Promise.race(running);
    }
  } catch (error) {
    stop.abort(error);
  } finally {
    await Promise.all(running);
    await counting;
    stop.unlink();
    options.emit(map.event());
  }
  signal.throwIfAborted();
  return { notCompared: comparison.notCompared };
}

/** The content of the blob in one window. */
interface Received {
  readonly bytes: Uint8Array;
  /** The ranges that were read. All other pages are not listed, so they are zero. */
  readonly ranges: readonly ByteRange[];
  /** Whether checksums of the service cover all ranges. */
  readonly isProven: boolean;
}

/** The state shared by the comparisons of all windows. */
class Comparison {
  notCompared = 0;
  /** The most windows of the blob in memory. */
  readonly blobWindows: number;
  readonly #options: CompareOptions;
  readonly #reading: LimitFunction;
  readonly #stop: LinkedAbort;
  readonly #map: DiskMap;

  constructor(options: CompareOptions, stop: LinkedAbort, map: DiskMap) {
    this.#options = options;
    const { maxWindows, maxRequests } = options.concurrency;
    const imageWindows = Math.min(Math.ceil(maxWindows / BLOB_WINDOWS_PER_IMAGE_WINDOW), MAX_IMAGE_WINDOWS);
    this.#reading = pLimit(options.full ? imageWindows : maxWindows);
    // Where memory is the limit, the windows of the image count too.
    this.blobWindows = options.full && maxRequests > maxWindows ? maxWindows - imageWindows : maxWindows;
    this.#stop = stop;
    this.#map = map;
  }

  async compare(window: ListedWindow): Promise<void> {
    const { full } = this.#options;
    const { memory } = this.#options;
    const ofBlob = full ? memory.take() : undefined;
    try {
      const received = ofBlob && (await this.#receive(window, ofBlob.subarray(0, window.length)));
      await this.#reading(() => this.#compareReceived(window, received));
    } finally {
      if (ofBlob !== undefined) memory.giveBack(ofBlob);
    }
    this.#report();
  }

  async #compareReceived(window: ListedWindow, received: Received | undefined): Promise<void> {
    const { differences, progress, memory } = this.#options;
    // Data that was received is still compared after a stop, because it may have taken long.
    if (this.#stop.signal.aborted && received === undefined) return;
    const ofImage = memory.take();
    try {
      const { runs, found } = await this.#compareWithImage(window, ofImage.subarray(0, window.length), received);
      // No await from here on, so that a saved state has either the window and its differences, or neither.
      for (const difference of found) differences.add(difference);
      // Windows in which the image cannot hold data are not part of the plan.
      progress.windowDone({ ...window, length: window.allocated > 0 ? window.length : 0 }, runs);
      this.#map.windowDone(window, runs);
    } finally {
      memory.giveBack(ofImage);
    }
  }

  /** @param expected - Is filled with the content of the image. */
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
    // Other programs may also write zeros: only non-zero pages must be listed.
    const needed = isOurs ? runs : runsOf(window, expected, 0);
    const more = subtractRanges(window.listed, needed);
    if (!isOurs) this.notCompared += bytesOf(more);
    return [...of('missing', subtractRanges(needed, window.listed)), ...(isOurs ? of('unexpected', more) : [])];
  }

  /** @param bytes - Is filled with the content of the blob. */
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

  /** Fills `actual` with the content of the blob. @returns whether checksums of the service cover all ranges. */
  async #fill(actual: Uint8Array, window: ByteRange, ranges: readonly ByteRange[]): Promise<boolean> {
    const { store, etag, memory } = this.#options;
    const options = { etag, checksum: memory.algorithm, checksumOf: (bytes: Uint8Array) => memory.checksum(bytes) };
    actual.fill(0);
    let isProven = true;
    const read = async (range: ByteRange) => {
      if (!(await store.read(range, partOf(actual, window, range), options, this.#stop.signal))) isProven = false;
    };
    // Wait for all reads: none may write into the memory after a failure is reported.
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

/** @param bytes - The bytes of the window. */
function runsOf(window: ByteRange, bytes: Uint8Array, joinedGap: number): ByteRange[] {
  return findRuns(bytes, joinedGap).map(({ offset, length }) => ({ offset: window.offset + offset, length }));
}

/** @param bytes - The bytes of the window, which contains `range`. */
function partOf(bytes: Uint8Array, window: ByteRange, range: ByteRange): Uint8Array {
  return bytes.subarray(range.offset - window.offset, endOf(range) - window.offset);
}
