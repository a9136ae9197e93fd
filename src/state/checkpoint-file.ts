// The checkpoint on disk: at every moment either the old one or the new one, whole.
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { whileHeld } from '../base/windows-file-retry.ts';
import { CheckpointError } from '../errors.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';

/** How a state becomes the text of its file, and back. */
export interface StateCodec<State> {
  encode(state: State): string;
  /** @throws {CheckpointError} */
  decode(text: string, path: string): State;
}

/** A file that holds the state between two runs. */
export class StateFile<State> {
  readonly path: string;
  readonly #codec: StateCodec<State>;
  /** The save that is under way or waiting: saves never overtake one another. */
  #saving: Promise<void> = Promise.resolve();

  constructor(path: string, codec: StateCodec<State>) {
    this.path = path;
    this.#codec = codec;
  }

  /**
   * Undefined when there is none.
   * @throws {CheckpointError} there is one, but it cannot be read or used.
   */
  async load(): Promise<State | undefined> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new CheckpointError(
        `Cannot read the checkpoint ${this.path}: ${(error as Error).message}. Name another file with --checkpoint.`,
        { cause: error, isForeign: true },
      );
    }
    return this.#codec.decode(text, this.path);
  }

  /**
   * Replaces the file, and returns when a power failure cannot take the new content away any more.
   * @throws {CheckpointError} the folder is read-only, the disk is full, ...
   */
  save(state: State): Promise<void> {
    const text = this.#codec.encode(state);
    const saved = this.#saving.then(() => this.#replace(text));
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  /** @throws {CheckpointError} the folder is read-only, or the file is held by another program. */
  async remove(): Promise<void> {
    await this.#saving;
    try {
      await whileHeld(() => rm(this.path, { force: true }));
    } catch (error) {
      throw new CheckpointError(
        `Cannot remove the checkpoint ${this.path}: ${(error as Error).message}. It is not needed any more: delete it.`,
        { cause: error },
      );
    }
  }

  async #replace(text: string): Promise<void> {
    const temporary = `${this.path}.tmp`;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await whileHeld(() => rename(temporary, this.path));
      await syncFolder(dirname(this.path));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw new CheckpointError(
        `Cannot write the checkpoint ${this.path}: ${(error as Error).message}. Name a file in a folder that can be written with --checkpoint.`,
        { cause: error },
      );
    }
  }
}

/** The checkpoint of an upload. */
export class CheckpointFile extends StateFile<Checkpoint> {
  constructor(path: string) {
    super(path, { encode: encodeCheckpoint, decode: decodeCheckpoint });
  }
}

/** Makes the rename itself last. Windows has no such call, and does not need it: NTFS journals renames. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}
