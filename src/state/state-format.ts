// The format of the state between two runs: JSON that begins with its kind and ends with a checksum of the rest.
import { createHash } from 'node:crypto';
import type { ByteRange } from '../base/byte-range.ts';
import { printable, shownPath } from '../base/printable.ts';
import { CheckpointError } from '../errors.ts';
import { type Decode, FieldError } from './decode.ts';

export interface StateForm<T> {
  /** What messages call it. */
  readonly name: string;
  /** The first field, which holds the format's number. */
  readonly marker: string;
  readonly format: number;
  /** What to do about one that cannot be used. */
  readonly nextStep: string;
  readonly decode: Decode<T>;
}

/** Ranges as the file holds them. */
export type StoredRanges = readonly (readonly [offset: number, length: number])[];

export function storedRanges(ranges: readonly ByteRange[]): StoredRanges {
  return ranges.map(({ offset, length }) => [offset, length]);
}

/** Ends with a checksum of the rest: a file that was edited or damaged is not taken for what it was. */
export function encodeState<T>({ marker, format }: StateForm<T>, state: object): string {
  const fields = { [marker]: format, ...state };
  return `${JSON.stringify({ ...fields, sha256: digest(fields) }, undefined, 1)}\n`;
}

/**
 * @param path - For the message.
 * @throws {CheckpointError} something else, of another version, or damaged.
 */
export function decodeState<T>(form: StateForm<T>, text: string, path: string): T {
  const { name, marker, format, nextStep, decode } = form;
  // Every one of the kind begins so, whatever its format and however it was damaged after that.
  if (!text.startsWith(`{\n "${marker}": `)) {
    throw new CheckpointError(`${shownPath(path)} is not a vhdup ${name}. Name another file with --checkpoint.`, {
      isForeign: true,
    });
  }
  const refuse = (problem: string) =>
    new CheckpointError(`Cannot use the ${name} ${shownPath(path)}: ${problem}. ${nextStep}`);
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refuse('it is damaged');
  }
  const { sha256, ...fields } = parsed;
  const { [marker]: stored, ...state } = fields;
  if (stored !== format) {
    throw refuse(
      `it has the format ${printable(JSON.stringify(stored) ?? 'none').slice(0, 40)}; this version of vhdup reads ${format}`,
    );
  }
  if (sha256 !== digest(fields)) throw refuse('its checksum is wrong, so it was edited or damaged');
  try {
    return decode(state, '');
  } catch (error) {
    throw error instanceof FieldError ? refuse(error.message) : error;
  }
}

function digest(fields: object): string {
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
