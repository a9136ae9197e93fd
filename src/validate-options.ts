// Refuses invalid options before anything is opened or sent.

import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from './base/page-run.ts';
import { EVERY_DAY, type RateTimetable } from './base/rate-timetable.ts';
import { SKIP_FREE_MODES, type SkipFree } from './base/skip-free.ts';
import { UsageError } from './errors.ts';
import type { RateLimit, RetryOptions, UploadOptions, VerifyLevel } from './options.ts';

export const VERIFY_LEVELS = ['none', 'ranges', 'full'] as const satisfies readonly VerifyLevel[];

/** @throws {UsageError} if `checksum` is not one of the algorithms. */
export function checkChecksum(checksum: ChecksumAlgorithm = 'crc64'): ChecksumAlgorithm {
  if (!CHECKSUM_ALGORITHMS.includes(checksum)) {
    throw new UsageError(`checksum must be one of ${CHECKSUM_ALGORITHMS.join(', ')}, but is ${checksum}.`);
  }
  return checksum;
}

/**
 * @param asked - `map` is the older name of `ranges`.
 * @throws {UsageError} if `asked` is not one of the levels.
 */
export function checkVerify(asked: VerifyLevel | 'map' | undefined): VerifyLevel | undefined {
  const level = asked === 'map' ? 'ranges' : asked;
  if (level !== undefined && !VERIFY_LEVELS.includes(level)) {
    throw new UsageError(`verify must be one of ${VERIFY_LEVELS.join(', ')}, but is ${level}.`);
  }
  return level;
}

/** The limit of the service for names and values together, minus the space for vhdup's own metadata, in bytes. */
const MAX_METADATA = 8 * 1024 - 2048;

/** @throws {UsageError} if a name is not a C# identifier or is reserved, HTTP cannot carry a value, or the size exceeds the limit. */
export function checkMetadata(metadata: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  let size = 0;
  const names = new Set<string>();
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new UsageError(
        `The metadata name "${name}" must start with a letter or _ and contain only letters, digits and _.`,
      );
    }
    // The Storage SDK copies metadata into an object, where this name would set the prototype.
    if (name.toLowerCase() === '__proto__') {
      throw new UsageError(`The metadata name "${name}" cannot be sent. Choose another one.`);
    }
    if (name.toLowerCase().startsWith('vhdup_')) {
      throw new UsageError(`The metadata name "${name}" is reserved: names that start with vhdup_ belong to vhdup.`);
    }
    if (!/^[\x20-\x7e]*$/.test(value) || value !== value.trim()) {
      throw new UsageError(
        `The metadata value of "${name}" must be printable ASCII without leading or trailing spaces.`,
      );
    }
    if (names.has(name.toLowerCase())) {
      throw new UsageError(`The metadata name "${name}" is given twice: HTTP headers are not case-sensitive.`);
    }
    names.add(name.toLowerCase());
    size += name.length + value.length;
  }
  if (size > MAX_METADATA) {
    throw new UsageError(
      `The metadata has ${size} bytes; Azure stores at most ${MAX_METADATA} in addition to vhdup's own.`,
    );
  }
  return metadata;
}

/** @throws {UsageError} if the options contradict each other. */
export function checkResumeOptions({ restart, resumeFromBlob, overwrite, deleteSnapshots }: UploadOptions): void {
  if (deleteSnapshots === true && overwrite !== true && restart !== true) {
    throw new UsageError(
      'deleteSnapshots (--delete-snapshots) deletes the snapshots of a blob that is replaced: give overwrite (--overwrite) too.',
    );
  }
  if (restart === true && resumeFromBlob === true) {
    throw new UsageError('restart starts over, resumeFromBlob resumes: give only one of them.');
  }
}

/** @throws {UsageError} if `skipFree` is not one of the modes. */
export function checkSkipFree(skipFree: SkipFree | undefined): SkipFree | undefined {
  if (skipFree !== undefined && !SKIP_FREE_MODES.includes(skipFree)) {
    throw new UsageError(`skipFree must be one of ${SKIP_FREE_MODES.join(', ')}, but is ${String(skipFree)}.`);
  }
  return skipFree;
}

/** @throws {UsageError} if the options of a base contradict each other or the target. */
export function checkBaseOptions(options: UploadOptions): void {
  const { base, baseManifest, trustBase, disk, resumeFromBlob } = options;
  if (base === undefined) {
    if (baseManifest === undefined && trustBase !== true) return;
    const name = baseManifest === undefined ? 'trustBase (--trust-base)' : 'baseManifest (--base-manifest)';
    throw new UsageError(`${name} needs base (--base): the URL of the uploaded ancestor.`);
  }
  if (options.skipFree !== undefined) {
    throw new UsageError(
      'The copy of a base contains the free space of its image: give base (--base) or skipFree (--skip-free), not both.',
    );
  }
  if (disk !== undefined) {
    throw new UsageError(
      'A managed disk cannot start as a copy of a base: leave out base (--base), or upload to a page blob.',
    );
  }
  if (baseManifest !== undefined && trustBase === true) {
    throw new UsageError(
      'baseManifest proves what the base holds, trustBase skips the comparison: give only one of them.',
    );
  }
  if (resumeFromBlob === true) {
    throw new UsageError(
      'An upload with a base (--base) resumes only with its checkpoint. If that is lost, give --restart --overwrite instead of --resume-from-blob.',
    );
  }
}

/** The limit of Node's timers, in milliseconds. A longer timer would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** In bytes per second. A slower connection would look dead. */
const MIN_RATE = 1024;

/** @throws {UsageError} if `maxRate` is neither a number nor a timetable, or is too small. */
export function checkMaxRate(maxRate: RateLimit = Number.POSITIVE_INFINITY): RateLimit {
  if (typeof maxRate === 'object') {
    checkTimetable(maxRate);
    return maxRate;
  }
  if (!(maxRate >= MIN_RATE)) {
    throw new UsageError(`maxRate (--max-rate) must be at least ${MIN_RATE} bytes per second, but is ${maxRate}.`);
  }
  return maxRate;
}

const MINUTES_OF_DAY = 24 * 60;

function checkTimetable(timetable: RateTimetable): void {
  if (timetable.length === 0) throw new UsageError('maxRate is a timetable without any entry.');
  const times = new Set<number>();
  for (const { days = EVERY_DAY, minute, rate } of timetable) {
    if (!Number.isInteger(minute) || minute < 0 || minute >= MINUTES_OF_DAY) {
      throw new UsageError(`A time of maxRate must be a minute of the day from 0 to 1439, but is ${minute}.`);
    }
    if (!(rate >= MIN_RATE)) {
      throw new UsageError(`Each rate of maxRate must be at least ${MIN_RATE} bytes per second, but one is ${rate}.`);
    }
    for (const day of days) {
      if (!EVERY_DAY.includes(day)) throw new UsageError(`A day of maxRate must be 0 to 6, but is ${day}.`);
      const time = day * MINUTES_OF_DAY + minute;
      if (times.has(time)) throw new UsageError(`maxRate has two rates for ${timeText(day, minute)}.`);
      times.add(time);
    }
  }
}

function timeText(day: number, minute: number): string {
  const name = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'][day];
  const two = (value: number) => String(value).padStart(2, '0');
  return `${name} ${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

/** @throws {UsageError} if a number is NaN, negative or too large for a timer. */
export function checkRetryOptions(options: RetryOptions & { stallTimeoutMs?: number }): void {
  for (const name of [
    'retries',
    'giveUpAfterMs',
    'attemptTimeoutMs',
    'retryDelayMs',
    'maxRetryDelayMs',
    'stallTimeoutMs',
  ] as const) {
    const value = options[name];
    if (value !== undefined && (Number.isNaN(value) || value < 0)) {
      throw new UsageError(`${name} must not be negative, but is ${value}.`);
    }
  }
  for (const name of ['attemptTimeoutMs', 'retryDelayMs', 'maxRetryDelayMs', 'stallTimeoutMs'] as const) {
    const value = options[name] ?? 1;
    if (value > MAX_TIMER_MS)
      throw new UsageError(`${name} must be at most ${MAX_TIMER_MS} (24 days), but is ${value}.`);
    if (value === 0 && name.endsWith('TimeoutMs')) {
      throw new UsageError(`${name} must be greater than 0.`);
    }
  }
}

/**
 * Whether a file is written with holes. Hyper-V does not mount sparse files, so Windows has the choice; elsewhere it is always true.
 * @throws {UsageError} if the platform cannot write such a file.
 */
export function sparseOf(wanted: boolean | undefined, platform: NodeJS.Platform = process.platform): boolean {
  if (platform === 'win32') return wanted === true;
  if (wanted === false) {
    throw new UsageError(
      'A file without holes can be written on Windows only. On this system, write the file and then copy it with cp --sparse=never.',
    );
  }
  return true;
}
