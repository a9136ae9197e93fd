// Patch: splits each window between what the copy of the base already holds, what to send, and what to clear.

import pLimit from 'p-limit';
import type { ByteRange } from '../base/byte-range.ts';
import type { DiskImage } from '../image/disk-image.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import type { ImageOptions } from '../options.ts';
import type { CheckpointBase } from '../state/checkpoint.ts';
import type { Window } from '../transfer/plan.ts';
import { splitWindow } from '../transfer/split-window.ts';
import type { Piece, SplitWindow } from '../transfer/transfer.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { openAncestor } from './ancestor.ts';
import type { ListedPages } from './recover.ts';

/** Windows of the ancestor in memory. Reading it is faster than the connection. */
const MAX_WINDOWS = 2;

export class Patch {
  readonly #ancestor: DiskImage;
  readonly #view: ReturnType<typeof asFixedVhd>;
  readonly #memory = new WindowMemory('none');
  readonly #limit = pLimit(MAX_WINDOWS);

  private constructor(ancestor: DiskImage) {
    this.#ancestor = ancestor;
    this.#view = asFixedVhd(ancestor);
  }

  /** The caller closes it. @throws as `openAncestor` does. */
  static async open(
    image: DiskImage,
    { ancestor }: Pick<CheckpointBase, 'ancestor'>,
    options: ImageOptions,
  ): Promise<Patch> {
    return new Patch(await openAncestor(image, ancestor, options));
  }

  /** @param listed - What the target lists now. */
  splitBy(listed: Pick<ListedPages, 'listedIn'>): SplitWindow {
    return (window, wanted, runs) => this.#limit(() => this.#split(window, wanted, runs, listed.listedIn(window)));
  }

  async close(): Promise<void> {
    await this.#memory.close();
    await this.#ancestor.close();
  }

  async #split(
    window: Window,
    wanted: Uint8Array,
    runs: readonly ByteRange[],
    listed: readonly ByteRange[],
  ): Promise<readonly Piece[]> {
    const { offset, length } = window;
    // Nothing of the base can be kept.
    if (runs.length === 0 || listed.length === 0) {
      return splitWindow({ window, wanted, base: wanted, runs, listed });
    }
    const buffer = this.#memory.take();
    const base = buffer.subarray(0, length);
    await this.#view.read({ offset, length }, base);
    const pieces = splitWindow({ window, wanted, base, runs, listed });
    this.#memory.giveBack(buffer);
    return pieces;
  }
}
