// Replays the transaction logs of a hive that was not closed, in memory (msuhanov/regf, "Dirty state of a hive").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { type BaseBlock, FILE_TYPE, readBaseBlock } from './base-block.ts';
import { applyNewLog, following, type NewLog } from './new-log.ts';
import { applyOldLog, belongsTo } from './old-log.ts';
import type { RangedFile } from './ranged-file.ts';
import { ReplayedSectors } from './replayed-sectors.ts';

/** A hive as it is after the replay. */
export interface Replayed {
  /** Offset of the cell of the root key. */
  readonly root: number;
  readonly binsSize: number;
  readonly sectors: ReplayedSectors;
  /** Whether the hive was not closed. */
  readonly wasDirty: boolean;
}

interface Log {
  readonly file: RangedFile;
  readonly base: BaseBlock;
}

/**
 * The state of a hive: that of its file if the last write ended, otherwise with the logs that belong to it.
 * @param logs - .LOG, .LOG1 and .LOG2, in this order, as far as they exist.
 * @throws {UnreadableError} the file is not a hive, or was not closed and no log can be applied.
 */
export async function replayLogs(hive: RangedFile, logs: readonly RangedFile[]): Promise<Replayed> {
  const base = await readBaseBlock(hive);
  if (base !== undefined && base.fileType !== FILE_TYPE.hive) throw new UnreadableError('it is a log of a hive');
  if (base !== undefined && base.primarySequence === base.secondarySequence) {
    return { root: base.root, binsSize: base.binsSize, sectors: new ReplayedSectors(), wasDirty: false };
  }
  const usable = await usableLogs(logs);
  const replayed = (await replayNew(base, usable)) ?? (await replayOld(hive, base, usable));
  if (replayed !== undefined) return replayed;
  const problem = base === undefined ? 'its base block is damaged' : 'it was not closed';
  throw new UnreadableError(`${problem}, and none of its ${logs.length} transaction logs can be applied`);
}

/** Logs whose base block is intact. The others are empty, or their last write did not end. */
async function usableLogs(files: readonly RangedFile[]): Promise<readonly Log[]> {
  const logs: Log[] = [];
  for (const file of files) {
    const base = await readBaseBlock(file).catch(unlessUnreadable);
    if (base?.primarySequence === base?.secondarySequence && base !== undefined) logs.push({ file, base });
  }
  return logs;
}

/** Applies the log that begins first, and the next one if it continues it. */
async function replayNew(hive: BaseBlock | undefined, logs: readonly Log[]): Promise<Replayed | undefined> {
  const [first, second] = newLogsToApply(hive, logs);
  if (first === undefined) return undefined;
  const sectors = new ReplayedSectors();
  let applied = await applyNewLog(first, sectors);
  if (applied === undefined) return undefined;
  if (second !== undefined && second.base.primarySequence === following(applied.sequence)) {
    applied = (await applyNewLog(second, sectors)) ?? applied;
  }
  return { root: first.base.root, binsSize: applied.binsSize, sectors, wasDirty: true };
}

/** In the order in which they were written. Logs that begin before the last write to the hive are in it already. */
function newLogsToApply(hive: BaseBlock | undefined, logs: readonly Log[]): readonly NewLog[] {
  const inOrder = logs
    .filter(({ base }) => base.fileType === FILE_TYPE.newLog)
    .sort((one, other) => distance(other.base.primarySequence, one.base.primarySequence));
  if (hive !== undefined)
    return inOrder.filter(({ base }) => distance(hive.secondarySequence, base.primarySequence) >= 0);
  // The sequence number of the hive is unknown. Windows then takes the last log alone.
  return inOrder.slice(-1);
}

/** How far `to` is behind `from`, for numbers that wrap around at 32 bits. */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}

async function replayOld(
  hive: RangedFile,
  base: BaseBlock | undefined,
  logs: readonly Log[],
): Promise<Replayed | undefined> {
  for (const log of logs) {
    if (!FILE_TYPE.oldLogs.some((type) => type === log.base.fileType)) continue;
    const sectors = await replayOldLog(hive, base, log).catch(unlessUnreadable);
    if (sectors !== undefined) return { root: log.base.root, binsSize: log.base.binsSize, sectors, wasDirty: true };
  }
  return undefined;
}

async function replayOldLog(
  hive: RangedFile,
  base: BaseBlock | undefined,
  log: Log,
): Promise<ReplayedSectors | undefined> {
  if (!(await belongsTo(log.base, base, hive))) return undefined;
  const sectors = new ReplayedSectors();
  await applyOldLog(log.file, log.base, sectors);
  return sectors;
}

/** Damage to one log is no reason not to look at the others. */
function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof UnreadableError)) throw error;
  return undefined;
}
