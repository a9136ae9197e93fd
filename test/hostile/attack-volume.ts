// Opens a damaged file system and reads all of it. Each step must give a consistent reading or an UnreadableError.
import { createHash, type Hash } from 'node:crypto';
import { endOf } from '../../src/base/byte-range.ts';
import {
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../../src/volume/file-systems/opened-file-system.ts';

export interface VolumeAttack {
  /** Of everything that could be read. */
  readonly checksum: string;
  /** Why the file system was not opened. */
  readonly refusal?: string;
  /** Steps that gave an UnreadableError. */
  readonly unreadable: number;
  readonly reads: number;
  readonly bytesRead: number;
}

/** Folders of damaged volumes may contain one another. */
const MAX_FILES = 2000;
const MAX_DEPTH = 12;
const MAX_READ = 1024 * 1024;

/** @throws {Error} a reading contradicts itself, or an error is no UnreadableError. */
export async function attackVolume(
  bytes: Buffer,
  open: (volume: VolumeBytes) => Promise<OpenedFileSystem>,
): Promise<VolumeAttack> {
  const volume = new CountedVolume(bytes);
  const hash = createHash('sha256');
  const found = { unreadable: 0, files: 0 };
  let refusal: string | undefined;
  try {
    const files = await open(volume);
    hash.update(String(files.unclean));
    await attempt(found, () => walk(files, '', 0, hash, found));
    await attempt(found, () => readUsed(files, volume.size, hash));
  } catch (error) {
    refusal = messageOf(error);
  }
  const { reads, bytesRead } = volume;
  return {
    checksum: hash.digest('hex'),
    ...(refusal === undefined ? {} : { refusal }),
    unreadable: found.unreadable,
    reads,
    bytesRead,
  };
}

interface Found {
  unreadable: number;
  files: number;
}

async function attempt(found: Found, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    messageOf(error);
    found.unreadable++;
  }
}

function messageOf(error: unknown): string {
  if (error instanceof UnreadableError && error.message !== '') return error.message;
  throw error;
}

async function walk(files: OpenedFileSystem, path: string, depth: number, hash: Hash, found: Found): Promise<void> {
  if (depth > MAX_DEPTH) return;
  for (const name of await files.readdir(path === '' ? '/' : path)) {
    if (++found.files > MAX_FILES) return;
    await attempt(found, () => visit(files, `${path}/${name}`, depth, hash, found));
  }
}

async function visit(files: OpenedFileSystem, path: string, depth: number, hash: Hash, found: Found): Promise<void> {
  const entry = await files.stat(path);
  hash.update(`${path} ${entry?.kind} ${entry?.size}`);
  if (entry?.kind === 'folder') await walk(files, path, depth + 1, hash, found);
  if (entry?.kind === 'link') hash.update(await files.readlink(path));
  if (entry?.kind !== 'file') return;
  const bytes = await files.read(path, 0, Math.min(entry.size, MAX_READ));
  if (bytes.length !== Math.min(entry.size, MAX_READ))
    throw new Error(`${path}: ${bytes.length} bytes of ${entry.size}`);
  const middle = Math.floor(bytes.length / 2);
  const part = await files.read(path, middle, 1000);
  if (
    !Buffer.from(part)
      .subarray(0, bytes.length - middle)
      .equals(bytes.subarray(middle, middle + part.length))
  ) {
    throw new Error(`${path}: other bytes at ${middle} than before`);
  }
  hash.update(bytes);
}

async function readUsed(files: OpenedFileSystem, size: number, hash: Hash): Promise<void> {
  const ranges = files.usedRanges();
  if (ranges === undefined) return;
  let end = -1;
  for await (const range of ranges) {
    if (range.offset <= end || range.length <= 0 || endOf(range) > size) {
      throw new Error(`The used range ${range.offset} + ${range.length} follows ${end} on a volume of ${size}.`);
    }
    end = endOf(range);
    hash.update(`${range.offset} ${range.length}`);
  }
}

class CountedVolume implements VolumeBytes {
  reads = 0;
  bytesRead = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  read({ offset, length }: { readonly offset: number; readonly length: number }, into: Uint8Array): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.size || into.length !== length) {
      return Promise.reject(new RangeError(`A read of ${length} bytes at ${offset} is outside of the volume.`));
    }
    this.reads++;
    this.bytesRead += length;
    into.set(this.#bytes.subarray(offset, offset + length));
    return Promise.resolve();
  }
}
