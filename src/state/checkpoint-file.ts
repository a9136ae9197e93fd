// The checkpoint on disk. Each save is atomic: the file always contains either the old or the new checkpoint.
import { rm } from 'node:fs/promises';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { openExisting, readSideFile, removeLeftOvers, replaceSideFile, textOf, versionOf } from '../base/side-file.ts';
import { whileHeld } from '../base/windows-file-retry.ts';
import { CheckpointError } from '../errors.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';

/** Converts a state to the text of its file and back. */
export interface StateCodec<State> {
  encode(state: State): string;
  /** @throws {CheckpointError} */
  decode(text: string, path: string): State;
}

/** In bytes. The longest checkpoint (64 TiB, with every other window done) is shorter. */
const MAX_LENGTH = 256 * 1024 * 1024;
const TEMPORARY = 'tmp';

/** A file that stores the state between two runs. The caller ensures that no other run uses it. */
export class StateFile<State> {
  readonly path: string;
  readonly #codec: StateCodec<State>;
  /** The running and waiting saves. They run in order. */
  #saving: Promise<void> = Promise.resolve();
  /** The version of the file that vhdup wrote or recognised last. */
  #ownVersion: string | undefined;
  #isTidied = false;

  constructor(path: string, codec: StateCodec<State>) {
    this.path = path;
    this.#codec = codec;
  }

  /**
   * Undefined if the file does not exist.
   * @throws {CheckpointError} the file exists, but it cannot be read or used.
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
   * Replaces the file. Resolves when the new content would survive a power failure.
   * @throws {CheckpointError} the folder is read-only, the disk is full, ...
   */
  save(state: State): Promise<void> {
    const text = this.#codec.encode(state);
    const saved = this.#saving.then(() => this.#replace(text));
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  /** @throws {CheckpointError} the folder is read-only, or another program has the file open. */
  async remove(): Promise<void> {
    await this.#saving;
    try {
      if (!(await this.#isOwn())) return;
      await whileHeld(() => rm(this.path, { force: true }));
      await removeLeftOvers(this.path, TEMPORARY, 0);
    } catch (error) {
      if (!isFileProblem(error)) throw error;
      throw new CheckpointError(
        `Cannot remove the checkpoint ${shownPath(this.path)}: ${explainFileProblem(error, '--checkpoint')} It is no longer needed: delete it.`,
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
   * False if the file does not exist.
   * @throws {FileRefusal} the file is not a state file of vhdup. @throws errors of the operating system.
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
      // A damaged checkpoint still belongs to vhdup.
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
