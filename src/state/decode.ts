// Validates the contents of a state file field by field. A correct checksum does not prove that every field exists.
import { type ByteRange, endOf } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';

/** Converts a JSON value to a T. @throws {FieldError} */
export type Decode<T> = (value: unknown, field: string) => T;

/** The message names the field, its required form, and its value. */
export class FieldError extends Error {}

function fieldError(field: string, needed: string, found: unknown): FieldError {
  const shown = printable(JSON.stringify(found)?.slice(0, 60) ?? 'absent');
  return new FieldError(`its field ${field} must be ${needed}, but is ${shown}`);
}

export const text: Decode<string> = (value, field) => {
  if (typeof value !== 'string') throw fieldError(field, 'a text', value);
  return value;
};

/** A time in the format of Date.toISOString. */
export const time: Decode<string> = (value, field) => {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) throw fieldError(field, 'a time', value);
  return value;
};

/** A non-negative integer. */
export const count: Decode<number> = (value, field) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw fieldError(field, 'a non-negative integer', value);
  }
  return value;
};

export const integer: Decode<number> = (value, field) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw fieldError(field, 'an integer', value);
  return value;
};

export const flag: Decode<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw fieldError(field, 'true or false', value);
  return value;
};

export function oneOf<T extends string>(...values: readonly T[]): Decode<T> {
  return (value, field) => {
    const found = values.find((known) => known === value);
    if (found === undefined) throw fieldError(field, `one of ${values.join(', ')}`, value);
    return found;
  };
}

/** 16 hexadecimal digits: a PageSetDigest. */
export const pageDigest: Decode<string> = (value, field) => {
  if (typeof value !== 'string' || !/^[0-9a-f]{16}$/.test(value))
    throw fieldError(field, '16 hexadecimal digits', value);
  return value;
};

/** 64 hexadecimal digits. */
export const sha256: Decode<string> = (value, field) => {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value))
    throw fieldError(field, '64 hexadecimal digits', value);
  return value;
};

export function nullable<T>(decode: Decode<T>): Decode<T | null> {
  return (value, field) => (value === null ? null : decode(value, field));
}

export function listOf<T>(decode: Decode<T>): Decode<readonly T[]> {
  return (value, field) => {
    if (!Array.isArray(value)) throw fieldError(field, 'a list', value);
    return value.map((item, index) => decode(item, `${field}[${index}]`));
  };
}

/** Ascending ranges that do not touch, as pairs of offset and length. */
export const ranges: Decode<readonly ByteRange[]> = (value, field) => {
  const found = listOf(listOf(count))(value, field).map(([offset = 0, length = 0, ...more], index) => {
    if (length === 0 || more.length > 0) throw fieldError(`${field}[${index}]`, 'an offset and a length', value);
    return { offset, length };
  });
  const isOrdered = found.every((range, index) => index === 0 || endOf(found[index - 1] ?? range) < range.offset);
  if (!isOrdered) throw fieldError(field, 'ascending ranges that do not touch', value);
  return found;
};

/** The decoder of each field of T. Fields that may be missing use `optional`. */
export type Shape<T> = { readonly [Name in keyof Required<T>]: Decode<Required<T>[Name]> & { isOptional?: true } };

export function optional<T>(decode: Decode<T>): Decode<T> & { isOptional: true } {
  return Object.assign((value: unknown, field: string) => decode(value, field), { isOptional: true as const });
}

/** Drops fields that are not in the shape. */
export function object<T extends object>(shape: Shape<T>): Decode<T> {
  return (value, field) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw fieldError(field, 'an object', value);
    const found: Partial<T> = {};
    for (const name in shape) {
      const decode = shape[name];
      const part: unknown = Reflect.get(value, name);
      if (part === undefined && decode.isOptional === true) continue;
      found[name] = decode(part, field === '' ? name : `${field}.${name}`);
    }
    return found as T;
  };
}
