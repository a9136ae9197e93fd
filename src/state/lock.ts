// A lock file next to the checkpoint that identifies its user: two processes must not work on the same upload.
import { type FileHandle, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { createExclusive, openExisting, PRIVATE_MODE, sidePath, textOf } from '../base/side-file.ts';
import { codeOf } from '../base/thrown.ts';
import { whileHeld } from '../base/windows-file-retry.ts';
import { CheckpointError, InUseError } from '../errors.ts';
import { decodeOwner, describeOwner, encodeOwner, hasExited, type Owner } from './lease-holder.ts';

/** The interval at which the holder updates the lock, in milliseconds. */
const BEAT_INTERVAL_MS = 10_000;
/** After this time without an update, in milliseconds, the holder counts as dead, whatever its process id shows. */
const DEAD_AFTER_MS = 2 * 60_000;
/** The same limit for an empty lock. The text is normally written right after the file is created. */
const EMPTY_DEAD_AFTER_MS = 5000;
/** In bytes. Longer files are not locks. */
const MAX_LENGTH = 16 * 1024;
/** How often to check a lock that is changing hands, and the interval in milliseconds. */
const TRIES = 50;
const LOOK_INTERVAL_MS = 20;

/** The holder of the lock according to the file. */
interface Holder {
  readonly text: string;
  readonly owner: Owner | undefined;
  readonly beatMs: number;
}

/** A crash can leave a lock without text, or with zeros instead of text. */
const WITHOUT_TEXT = /^\0*$/;

/** The lock of a killed process is taken over: at once on the same machine, elsewhere after two minutes without an update. */
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

  /** Whether another process has taken over the lock, and with it the checkpoint. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /**
   * @param onLost - Called when another process has taken over the lock because its holder seemed dead.
   * @throws {InUseError} another process uses the checkpoint.
   * @throws {CheckpointError} the folder is read-only, the disk is full, ...
   */
  static async take(
    checkpointPath: string,
    owner: Owner,
    onLost: (error: InUseError) => void,
  ): Promise<CheckpointLock> {
    const path = await sidePath(checkpointPath, '.lock');
    const text = encodeOwner(owner);
    try {
      for (let attempt = 1; attempt <= TRIES; attempt++) {
        const isOurs = (await create(path, text)) || (await takeOver(checkpointPath, path, text));
        if (isOurs) return new CheckpointLock(path, checkpointPath, text, onLost);
        const holder = await readHolder(path);
        if (holder !== undefined && isForeign(holder)) {
          throw new FileRefusal(
            'the file exists and is not a vhdup lock',
            'Move it to another folder, or name another checkpoint with --checkpoint.',
          );
        }
        // A new lock gets its text in a moment; a dead lock is being taken over by another process.
        const isAlive = holder?.owner !== undefined && !isDead(holder);
        if (isAlive) throw inUse(checkpointPath, path, holder);
        await delay(LOOK_INTERVAL_MS);
      }
    } catch (error) {
      if (!isFileProblem(error)) throw error;
      throw new CheckpointError(
        `Cannot lock the checkpoint ${shownPath(checkpointPath)} with ${shownPath(path)}: ${explainFileProblem(error, '--checkpoint')}`,
        { cause: error, isForeign: true },
      );
    }
    throw new InUseError(
      `Cannot use the checkpoint ${shownPath(checkpointPath)}: its lock ${shownPath(path)} keeps changing hands. Run the same command again.`,
    );
  }

  /** Never throws: other runs recognise a remaining lock as dead. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    const holder = await readHolder(this.path).catch(() => undefined);
    if (holder?.text !== this.#text) return;
    await whileHeld(() => rm(this.path, { force: true })).catch(() => undefined);
  }

  async #beat(checkpointPath: string, onLost: (error: InUseError) => void): Promise<void> {
    try {
      // If the lock was deleted, whoever creates the next one owns the checkpoint.
      await create(this.path, this.#text);
      const holder = await withLock(this.path, async (handle, found) => {
        if (found.text === this.#text) await handle.utimes(new Date(), new Date());
        return found;
      });
      if (holder !== undefined && holder.text !== this.#text && !this.#isLost) {
        this.#isLost = true;
        onLost(inUse(checkpointPath, this.path, holder));
      }
    } catch {
      // A network share may be unavailable for a moment: the next update may succeed.
    }
  }
}

/** The run that uses the checkpoint now, in words; undefined if none is known to. @throws {FileRefusal} the lock is a link, ... */
export async function userOf(checkpointPath: string): Promise<string | undefined> {
  const holder = await readHolder(await sidePath(checkpointPath, '.lock'));
  return holder?.owner === undefined || isDead(holder) ? undefined : describeOwner(holder.owner);
}

/** @returns false if the file exists. */
async function create(path: string, text: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await createExclusive(path, PRIVATE_MODE);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(text);
    return true;
  } catch (error) {
    // For example, the disk is full. Do not leave a lock without text.
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Undefined if there is no lock. @throws {FileRefusal} a link, or not a regular file. */
async function withLock<T>(
  path: string,
  action: (handle: FileHandle, holder: Holder) => T | Promise<T>,
): Promise<T | undefined> {
  const handle = await openExisting(path, 'write');
  if (handle === undefined) return undefined;
  try {
    const { mtimeMs } = await handle.stat();
    const text = await textOf(handle, MAX_LENGTH);
    return await action(handle, { text, owner: decodeOwner(text), beatMs: mtimeMs });
  } finally {
    await handle.close();
  }
}

function readHolder(path: string): Promise<Holder | undefined> {
  return withLock(path, (_, holder) => holder);
}

/** Whether vhdup created the file. */
function isLock({ text, owner }: Holder): boolean {
  return owner !== undefined || WITHOUT_TEXT.test(text);
}

/** Whether the file is certainly not a lock. On some network shares, a new lock is visible before all of its text. */
function isForeign(holder: Holder): boolean {
  return !isLock(holder) && Date.now() - holder.beatMs > EMPTY_DEAD_AFTER_MS;
}

function isDead({ text, owner, beatMs }: Holder): boolean {
  const silentMs = Date.now() - beatMs;
  return (owner !== undefined && hasExited(owner)) || silentMs > (text === '' ? EMPTY_DEAD_AFTER_MS : DEAD_AFTER_MS);
}

/** Several processes may find the same lock dead. A second lock ensures that only one of them takes it over. */
async function takeOver(checkpointPath: string, path: string, text: string): Promise<boolean> {
  const dead = await readHolder(path);
  if (dead === undefined || !isLock(dead) || !isDead(dead)) return false;
  const guard = await sidePath(checkpointPath, '.lock.takeover');
  if (!(await create(guard, text))) {
    await removeDeadGuard(guard);
    return false;
  }
  try {
    const isTaken = await withLock(path, async (handle, holder) => {
      if (holder.text !== dead.text) return false;
      await handle.truncate(0);
      await handle.write(text, 0);
      return true;
    });
    return isTaken === true;
  } finally {
    await whileHeld(() => rm(guard, { force: true }));
  }
}

/** @throws {FileRefusal} the file is not a lock. */
async function removeDeadGuard(guard: string): Promise<void> {
  let holder: Holder | undefined;
  try {
    holder = await readHolder(guard);
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new FileRefusal(`${shownPath(guard)} is in the way, because ${error.message}`, 'Move it to another folder.');
  }
  if (holder === undefined) return;
  if (isForeign(holder)) {
    throw new FileRefusal(`${shownPath(guard)} exists and is not a vhdup lock`, 'Move it to another folder.');
  }
  if (isLock(holder) && isDead(holder)) await rm(guard, { force: true });
}

function inUse(checkpointPath: string, path: string, { owner }: Holder): InUseError {
  const who = owner === undefined ? 'another process' : `${describeOwner(owner)},`;
  return new InUseError(
    `Cannot use the checkpoint ${shownPath(checkpointPath)}: ${who} is using it. Wait until it has finished, or stop it. For other work on the same file meanwhile, name another checkpoint with --checkpoint. If that process has exited, retry in two minutes, or delete ${shownPath(path)}.`,
  );
}
