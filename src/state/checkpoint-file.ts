// The checkpoint on disk: at every moment either the old one or the new one, whole.
import { rm } from 'node:fs/promises';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { openExisting, readSideFile, removeLeftOvers, replaceSideFile, textOf, versionOf } from '../base/side-file.ts';
import { whileHeld } from '../base/windows-file-retry.ts';
import { CheckpointError } from '../errors.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';

/** How a state becomes the text of its file, and back. */
export interface StateCodec<State> {
  encode(state: State): string;
  /** @throws {CheckpointError} */
  decode(text: string, path: string): State;
}

/** In bytes. The checkpoint of a disk of 64 TiB, every other window of which is done, is shorter. */
const MAX_LENGTH = 256 * 1024 * 1024;
const TEMPORARY = 'tmp';

/** A file that holds the state between two runs. Its user makes sure that no other run uses it. */
export class StateFile<State> {
  readonly path: string;
  readonly #codec: StateCodec<State>;
  /** The save that is under way or waiting: saves never overtake one another. */
  #saving: Promise<void> = Promise.resolve();
  /** The file that was found to be ours, or made, last. */
  #ownVersion: string | undefined;
  #isTidied = false;

  constructor(path: string, codec: StateCodec<State>) {
    this.path = path;
    this.#codec = codec;
  }

  /**
   * Undefined when there is none.
   * @throws {CheckpointError} there is one, but it cannot be read or used.
   */
  async load(): Promise<State | undefined> {
    let text: string | undefined;
    try {
      text = await readSideFile(this.path, MAX_LENGTH);
    } catch (error) {
      throw this.#failure('read', error);
    }
    return text === undefined ? undefined : this.#codec.decode(text, this.path);
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
      if (!(await this.#isOwn())) return;
      await whileHeld(() => rm(this.path, { force: true }));
      await removeLeftOvers(this.path, TEMPORARY, 0);
    } catch (error) {
      if (!isFileProblem(error)) throw error;
      throw new CheckpointError(
        `Cannot remove the checkpoint ${shownPath(this.path)}: ${explainFileProblem(error, '--checkpoint')} It is not needed any more: delete it.`,
        { cause: error },
      );
    }
  }

  async #replace(text: string): Promise<void> {
    try {
      await this.#isOwn();
      if (!this.#isTidied) await removeLeftOvers(this.path, TEMPORARY, 0);
      this.#isTidied = true;
      this.#ownVersion = await replaceSideFile(this.path, text);
    } catch (error) {
      throw this.#failure('write', error);
    }
  }

  /**
   * False where there is no file.
   * @throws {FileRefusal} it is not a state of ours: somebody else has put it there. @throws what the operating system fails with.
   */
  async #isOwn(): Promise<boolean> {
    const handle = await openExisting(this.path, 'read');
    if (handle === undefined) return false;
    try {
      const version = await versionOf(handle);
      if (version === this.#ownVersion) return true;
      this.#codec.decode(await textOf(handle, MAX_LENGTH), this.path);
      this.#ownVersion = version;
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      // A damaged one is ours.
      if (error.isForeign) throw new FileRefusal('it is not a vhdup checkpoint');
    } finally {
      await handle.close();
    }
    return true;
  }

  #failure(action: 'read' | 'write', error: unknown): unknown {
    if (!isFileProblem(error)) return error;
    return new CheckpointError(
      `Cannot ${action} the checkpoint ${shownPath(this.path)}: ${explainFileProblem(error, '--checkpoint')}`,
      { cause: error, isForeign: action === 'read' },
    );
  }
}

/** The checkpoint of an upload. */
export class CheckpointFile extends StateFile<Checkpoint> {
  constructor(path: string) {
    super(path, { encode: encodeCheckpoint, decode: decodeCheckpoint });
  }
}
