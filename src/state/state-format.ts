// The format of state files: JSON that starts with the kind of state and ends with a checksum of the rest.
import { createHash } from 'node:crypto';
import type { ByteRange } from '../base/byte-range.ts';
import { printable, shownPath } from '../base/printable.ts';
import { CheckpointError } from '../errors.ts';
import { type Decode, FieldError } from './decode.ts';

export interface StateForm<T> {
  /** The name in messages. */
  readonly name: string;
  /** The name of the first field, which contains the format's number. */
  readonly marker: string;
  readonly format: number;
  /** The next step if the state cannot be used. */
  readonly nextStep: string;
  readonly decode: Decode<T>;
}

export type StateKind = 'upload' | 'download' | 'verification';

/** The markers of all kinds of state. */
const MARKERS: readonly (readonly [marker: string, kind: StateKind])[] = [
  ['vhdupCheckpoint', 'upload'],
  ['vhdupDownload', 'download'],
  ['vhdupVerification', 'verification'],
];

/** The kind of a state, whatever its format and any later damage. @param text - At least its first 64 characters. */
export function stateKindIn(text: string): StateKind | undefined {
  return MARKERS.find(([marker]) => text.startsWith(`{\n "${marker}": `))?.[1];
}

/** Ranges as the file stores them. */
export type StoredRanges = readonly (readonly [offset: number, length: number])[];

export function storedRanges(ranges: readonly ByteRange[]): StoredRanges {
  return ranges.map(({ offset, length }) => [offset, length]);
}

/** Ends with a checksum of the rest, which detects files that were edited or damaged. */
export function encodeState<T>({ marker, format }: StateForm<T>, state: object): string {
  const fields = { [marker]: format, ...state };
  return `${JSON.stringify({ ...fields, sha256: digest(fields) }, undefined, 1)}\n`;
}

/**
 * @param path - The path for messages.
 * @throws {CheckpointError} not a state of this kind, another version, or damaged.
 */
export function decodeState<T>(form: StateForm<T>, text: string, path: string): T {
  const { name, marker, format, nextStep, decode } = form;
  // Every state of this kind starts this way, whatever its format and any later damage.
  if (!text.startsWith(`{\n "${marker}": `)) {
    const isEmpty = /^\0*$/.test(text);
    const kind = stateKindIn(text);
    const article = kind === 'upload' ? 'an' : 'a';
    const what = kind === undefined ? `is not a vhdup ${name}` : `is the ${name} of ${article} ${kind}`;
    // It is not replaced even so: nothing shows whose it is.
    const problem = isEmpty ? 'is empty, as a power failure may leave a file' : what;
    const remedy = isEmpty ? 'Delete it, or name another file' : 'Name another file';
    throw new CheckpointError(`${shownPath(path)} ${problem}. ${remedy} with --checkpoint.`, { isForeign: true });
  }
  const unusable = (problem: string) =>
    new CheckpointError(`Cannot use the ${name} ${shownPath(path)}: ${problem}. ${nextStep}`);
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw unusable('it is damaged');
  }
  const { sha256, ...fields } = parsed;
  const { [marker]: stored, ...state } = fields;
  if (stored !== format) {
    throw unusable(
      `it has the format ${printable(JSON.stringify(stored) ?? 'none').slice(0, 40)}; this version of vhdup reads ${format}`,
    );
  }
  if (sha256 !== digest(fields)) throw unusable('its checksum is wrong, so it was edited or damaged');
  try {
    return decode(state, '');
  } catch (error) {
    throw error instanceof FieldError ? unusable(error.message) : error;
  }
}

function digest(fields: object): string {
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
