// Reads what a report says of a manifest: also of one whose upload was not completed.
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { WINDOW_SIZE } from '../base/byte-range.ts';
import { CellCounts } from '../base/cell-counts.ts';
import { linesOf } from '../base/file-lines.ts';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { openExisting } from '../base/side-file.ts';
import { LocalFileError } from '../errors.ts';
import {
  decodeHeader,
  decodeLine,
  type ManifestEnd,
  type ManifestHeader,
  type ManifestWindow,
} from '../state/manifest.ts';
import type { ManifestFacts } from './facts.ts';
import { REPORT_CELLS } from './run-recorder.ts';

const MAX_LINE = 1024 * 1024;
/** No disk of Azure is larger: 64 TiB. A damaged header must not reserve all memory. */
const MAX_DISK = 64 * 1024 ** 4;

/** @throws {LocalFileError} the file cannot be read, is not a manifest, or is damaged. */
export async function readManifest(path: string): Promise<ManifestFacts> {
  try {
    const handle = await openExisting(path, 'read', { links: 'follow' });
    if (handle === undefined) throw new FileRefusal('the file does not exist');
    try {
      return { path, ...(await scan(handle)), ...(await digestOf(handle)) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(
      `Cannot read the manifest ${shownPath(path)}: ${explainFileProblem(error, '--manifest')}`,
      {
        cause: error,
      },
    );
  }
}

async function scan(handle: FileHandle): Promise<Omit<ManifestFacts, 'path' | 'sha256' | 'length'>> {
  let windows: Windows | undefined;
  let end: ManifestEnd | undefined;
  for await (const { text = '', position } of linesOf(handle, MAX_LINE)) {
    if (windows === undefined) {
      const header = decodeHeader(text);
      if (header === undefined || header.diskSize === 0 || header.diskSize > MAX_DISK)
        throw new FileRefusal('it is not a vhdup manifest');
      windows = new Windows(header);
      continue;
    }
    const line = decodeLine(text);
    if (line === undefined || !('footer' in line || windows.add(line))) {
      throw new FileRefusal(`the line at byte ${position} is not valid: the file is damaged`);
    }
    // After a completed upload, nothing follows the end.
    end = 'footer' in line ? line : undefined;
  }
  if (windows === undefined) throw new FileRefusal('it is not a vhdup manifest');
  return { header: windows.header, end, ...windows.facts() };
}

/**
 * The finished windows. A window that was sent again, after a kill, counts once: it was sent with the same runs, because the image had
 * not changed.
 */
class Windows {
  readonly header: ManifestHeader;
  /** One bit for each window of the disk. */
  readonly #seen: Uint8Array;
  readonly #read: CellCounts;
  readonly #moved: CellCounts;
  #windows = 0;
  #ranges = 0;
  #windowBytes = 0;
  #sent = 0;

  constructor(header: ManifestHeader) {
    this.header = header;
    this.#seen = new Uint8Array(Math.ceil(header.diskSize / WINDOW_SIZE / 8));
    this.#read = new CellCounts(header.diskSize, REPORT_CELLS);
    this.#moved = new CellCounts(header.diskSize, REPORT_CELLS);
  }

  /** @returns false if it is not a window of the disk. */
  add({ window: { offset }, runs }: ManifestWindow): boolean {
    const index = offset / WINDOW_SIZE;
    if (!Number.isInteger(index) || offset >= this.header.diskSize) return false;
    const [byte, bit] = [Math.floor(index / 8), 1 << (index % 8)];
    const seen = this.#seen[byte] ?? 0;
    if ((seen & bit) !== 0) return true;
    this.#seen[byte] = seen | bit;
    const length = Math.min(WINDOW_SIZE, this.header.diskSize - offset);
    this.#read.add({ offset, length });
    this.#windows += 1;
    this.#windowBytes += length;
    this.#ranges += runs.length;
    for (const run of runs) {
      this.#moved.add(run);
      this.#sent += run.length;
    }
    return true;
  }

  facts(): Pick<ManifestFacts, 'windows' | 'ranges' | 'windowBytes' | 'sent' | 'map'> {
    const { cellSize, bytes: moved } = this.#moved;
    return {
      windows: this.#windows,
      ranges: this.#ranges,
      windowBytes: this.#windowBytes,
      sent: this.#sent,
      map: { size: this.header.diskSize, cellSize, moved, read: this.#read.bytes, before: [], kept: [] },
    };
  }
}

async function digestOf(handle: FileHandle): Promise<{ readonly sha256: string; readonly length: number }> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
    hash.update(chunk as Buffer);
    length += (chunk as Buffer).length;
  }
  return { sha256: hash.digest('hex'), length };
}
