// Sends an image onto a copy of its base.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { moveDisk } from '../transfer/move-disk.ts';
import type { Artifacts } from './artifacts.ts';
import type { Upload } from './finish.ts';
import type { Patch } from './patch.ts';
import { ListedPages } from './recover.ts';

/** Sends what the copy of the base does not hold, and clears what the image does not have. */
export async function sendPatch(
  work: Upload,
  { manifest }: Artifacts,
  patch: Patch,
  signal: AbortSignal,
): Promise<void> {
  const { source, store, lifecycle, session, progress, concurrency } = work;
  const { diskSize } = source;
  // The copy ends with the footer of the base. Until everything is sent, the blob must not look like a VHD.
  await store.clear({ offset: diskSize, length: PAGE_SIZE }, signal);
  const listed = new ListedPages({ store, diskSize, signal, done: progress.doneBefore, mustBeZero: true });
  await moveDisk({
    ...work,
    signal,
    limit: store.limit,
    maxWindows: concurrency.maxWindows,
    target: {
      write: (run, writeSignal) => store.write(run, writeSignal),
      clear: (range, clearSignal) => store.clear(range, clearSignal),
    },
    alongside: (windows) => listed.alongside(windows),
    split: patch.splitBy(listed),
    onRun: (run) => manifest?.runSent(run),
    onWindow: (window, _, pieces) => {
      listed.windowDone(window);
      const { lease, checksums } = lifecycle.capabilities;
      const isKept = pieces.some(({ fate }) => fate === 'keep');
      if (!lease || !checksums || (isKept && session.base?.proved !== true)) session.unverified.add(window.covers);
      const held = pieces.filter(({ fate }) => fate !== 'clear');
      manifest?.windowDone(
        window,
        held.map(({ offset, length }) => ({ offset, length })),
      );
    },
    requests: () => store.counters,
  });
}
