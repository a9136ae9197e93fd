// A file beside the checkpoint that says who is using it: two processes must not work on one upload.
import { type FileHandle, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { whileHeld } from '../base/windows-file-retry.ts';
import { CheckpointError, InUseError, VhdupError } from '../errors.ts';
import { decodeOwner, describeOwner, encodeOwner, hasExited, type Owner } from './lease-holder.ts';

/** How often the holder shows that it lives, in milliseconds. */
const BEAT_INTERVAL_MS = 10_000;
/** After so long without a beat, in milliseconds, the holder is dead, whatever its machine says of its process id. */
const DEAD_AFTER_MS = 2 * 60_000;
/** The same for a lock without its text, which is written in the moment after it was made. */
const EMPTY_DEAD_AFTER_MS = 5000;
/** Looks at a lock that changes hands, and the time between them in milliseconds. */
const TRIES = 50;
const LOOK_INTERVAL_MS = 20;

/** Who holds the lock, as far as the file tells. */
interface Holder {
  readonly text: string;
  readonly owner: Owner | undefined;
  readonly beatMs: number;
}

/** A lock that a killed process leaves is taken over: at once on the same machine, elsewhere when it has not beaten for two minutes. */
export class CheckpointLock {
  readonly path: string;
  readonly #text: string;
  readonly #timer: NodeJS.Timeout;
  #beating: Promise<void> = Promise.resolve();
  #isLost = false;

  private constructor(path: string, checkpointPath: string, text: string, onLost: (error: InUseError) => void) {
    this.path = path;
    this.#text = text;
    this.#timer = setInterval(() => {
      this.#beating = this.#beat(checkpointPath, onLost);
    }, BEAT_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Whether somebody else has taken it over, and with it the checkpoint. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /**
   * @param onLost - Called when somebody else has taken over a lock that seemed dead.
   * @throws {InUseError} another process uses the checkpoint.
   * @throws {CheckpointError} the folder is read-only, the disk is full, ...
   */
  static async take(
    checkpointPath: string,
    owner: Owner,
    onLost: (error: InUseError) => void,
  ): Promise<CheckpointLock> {
    const path = `${checkpointPath}.lock`;
    const text = encodeOwner(owner);
    try {
      for (let attempt = 1; attempt <= TRIES; attempt++) {
        const isOurs = (await create(path, text)) || (await takeOver(path, text));
        if (isOurs) return new CheckpointLock(path, checkpointPath, text, onLost);
        const holder = await readHolder(path);
        // One that was made a moment ago gets its text in a moment; a dead one is being taken over by somebody else.
        if (holder === undefined || holder.text === '' || isDead(holder)) await delay(LOOK_INTERVAL_MS);
        else throw inUse(checkpointPath, path, holder);
      }
    } catch (error) {
      if (error instanceof VhdupError) throw error;
      throw new CheckpointError(
        `Cannot write the lock of the checkpoint, ${path}: ${(error as Error).message}. Name a checkpoint in a folder that can be written with --checkpoint.`,
        { cause: error, isForeign: true },
      );
    }
    throw new InUseError(`Cannot use the checkpoint ${checkpointPath}: its lock ${path} keeps changing hands.`);
  }

  /** Does not fail: a lock that is left behind is known as dead. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    const holder = await readHolder(this.path).catch(() => undefined);
    if (holder?.text !== this.#text) return;
    await whileHeld(() => rm(this.path, { force: true })).catch(() => undefined);
  }

  async #beat(checkpointPath: string, onLost: (error: InUseError) => void): Promise<void> {
    try {
      // Somebody may have deleted it; who has made another one since owns the checkpoint.
      await create(this.path, this.#text);
      const holder = await readHolder(this.path);
      if (holder?.text === this.#text) {
        await utimes(this.path, new Date(), new Date());
      } else if (holder !== undefined && !this.#isLost) {
        this.#isLost = true;
        onLost(inUse(checkpointPath, this.path, holder));
      }
    } catch {
      // A share that is away for a moment: the next beat may come through.
    }
  }
}

/** @returns false where there is a lock. */
async function create(path: string, text: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await whileHeld(() => open(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(text);
    return true;
  } catch (error) {
    // No room for its text: without it, it would only be in the way.
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Undefined where there is none. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    const { mtimeMs } = await stat(path);
    return { text, owner: decodeOwner(text), beatMs: mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isDead({ text, owner, beatMs }: Holder): boolean {
  const silentMs = Date.now() - beatMs;
  return (owner !== undefined && hasExited(owner)) || silentMs > (text === '' ? EMPTY_DEAD_AFTER_MS : DEAD_AFTER_MS);
}

/** Of several that find the same lock dead, one takes it over: a second lock guards that moment. */
async function takeOver(path: string, text: string): Promise<boolean> {
  const dead = await readHolder(path);
  if (dead === undefined || !isDead(dead)) return false;
  const guard = `${path}.takeover`;
  if (!(await create(guard, ''))) {
    const other = await readHolder(guard);
    if (other !== undefined && isDead(other)) await rm(guard, { force: true });
    return false;
  }
  try {
    if ((await readHolder(path))?.text !== dead.text) return false;
    await writeFile(path, text);
    return true;
  } finally {
    await whileHeld(() => rm(guard, { force: true }));
  }
}

function inUse(checkpointPath: string, path: string, { owner }: Holder): InUseError {
  const who = owner === undefined ? 'another process' : describeOwner(owner);
  return new InUseError(
    `Cannot use the checkpoint ${checkpointPath}: ${who}, is using it. Wait for that upload, or stop it; to upload the image to another place meanwhile, name another file with --checkpoint. Should that process be gone, try again in two minutes, or delete ${path}.`,
  );
}
