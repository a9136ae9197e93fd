// scanDisk: reads a whole disk as an upload does, and finds the sectors that are not zero.

import type { ByteRange } from '../base/byte-range.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { Threads } from '../options.ts';
import { localConcurrency } from '../transfer/concurrency-limits.ts';
import { moveDisk } from '../transfer/move-disk.ts';
import { findRuns } from '../transfer/zero-pages.ts';

export interface ScanOptions {
  readonly threads: Threads | undefined;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
  /** Called for each run of sectors that are not all zero, in no particular order. */
  readonly onData: (range: ByteRange) => void;
}

/** @throws the first read error; the reason of `signal`, unchanged, on abort. */
export async function scanDisk(image: DiskImage, { threads, signal, emit, onData }: ScanOptions): Promise<void> {
  await moveDisk({
    source: {
      diskSize: image.size,
      extents: () => image.extents(),
      read: (range, into) => image.read(range, into),
    },
    target: {
      write: ({ range, bytes }) => {
        // One write may contain short gaps of zeros, which do not count here.
        for (const run of findRuns(bytes, 0)) onData({ offset: range.offset + run.offset, length: run.length });
        return Promise.resolve();
      },
    },
    ...localConcurrency(threads),
    signal,
    emit,
  });
}
