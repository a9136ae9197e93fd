// Strict schemas of request bodies: every key is known, every value has its type, and the result is typed.

import { invalidContent, invalidParameter } from './errors.ts';

/** Returns the value with its type. @throws ArmError 400 that names the path. */
export type Schema<T> = (value: unknown, path: string) => T;

type Shape = Readonly<Record<string, Schema<unknown>>>;
type ValuesOf<S extends Shape> = { [K in keyof S]: ReturnType<S[K]> };

/** An object with exactly these keys, in this order in the result. */
export function object<R extends Shape, O extends Shape>(
  required: R,
  optional: O,
): Schema<ValuesOf<R> & Partial<ValuesOf<O>>> {
  return (value, path) => {
    const given = asObject(value, path);
    for (const key of Object.keys(given)) {
      if (!(key in required) && !(key in optional)) {
        throw invalidContent(`Could not find member '${key}' on object at '${path}'.`);
      }
    }
    const parsed: Record<string, unknown> = {};
    for (const [key, schema] of Object.entries(required)) {
      if (given[key] === undefined)
        throw invalidParameter(join(path, key), `Required parameter '${join(path, key)}' is missing (null).`);
      parsed[key] = schema(given[key], join(path, key));
    }
    for (const [key, schema] of Object.entries(optional)) {
      if (given[key] !== undefined) parsed[key] = schema(given[key], join(path, key));
    }
    return parsed as ValuesOf<R> & Partial<ValuesOf<O>>;
  };
}

/** A text that matches the pattern. @default any but the empty one */
export function text(pattern = /^[\s\S]+$/): Schema<string> {
  return (value, path) => {
    if (typeof value !== 'string') throw wrongType(path, 'string', value);
    if (!pattern.test(value)) throw invalidParameter(path, `The value '${value}' of parameter '${path}' is invalid.`);
    return value;
  };
}

/** One of the texts, in exactly this form. */
export function oneOf<T extends string>(...values: readonly T[]): Schema<T> {
  return (value, path) => {
    const found = values.find((one) => one === value);
    if (found !== undefined) return found;
    throw invalidContent(
      `Error converting value ${JSON.stringify(value)} at '${path}'. Expected one of: ${values.join(', ')}.`,
    );
  };
}

export function integer(minimum: number, maximum: number): Schema<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrongType(path, 'integer', value);
    if (value >= minimum && value <= maximum) return value;
    throw invalidParameter(
      path,
      `The value '${value}' of parameter '${path}' is out of range. It must be between ${minimum} and ${maximum}.`,
    );
  };
}

export function flag(): Schema<boolean> {
  return (value, path) => {
    if (typeof value === 'boolean') return value;
    throw wrongType(path, 'boolean', value);
  };
}

export function list<T>(item: Schema<T>): Schema<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrongType(path, 'array', value);
    return value.map((one: unknown, index) => item(one, `${path}[${index}]`));
  };
}

/** At most 50 tags: names of up to 512 characters without those of paths, values of up to 256. */
export function tags(): Schema<Record<string, string>> {
  return (value, path) => {
    const given = Object.entries(asObject(value, path));
    if (given.length > 50) throw invalidParameter(path, 'A resource has at most 50 tags.');
    for (const [name, content] of given) {
      if (typeof content !== 'string') throw wrongType(join(path, name), 'string', content);
      if (!/^[^<>%&\\?/]{1,512}$/.test(name) || content.length > 256) {
        throw badTag(name);
      }
    }
    return Object.fromEntries(given.map(([name, content]) => [name, String(content)]));
  };
}

function badTag(name: string): Error {
  return invalidParameter(
    'tags',
    `The tag '${name.slice(0, 80)}' is invalid: its name or value is too long, or has a character that is not allowed.`,
  );
}

function asObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(path, 'object', value);
  return Object.fromEntries(Object.entries(value));
}

function wrongType(path: string, expected: string, value: unknown): Error {
  return invalidContent(
    `Error converting value ${JSON.stringify(value)?.slice(0, 80)} to type '${expected}'. Path '${path}'.`,
  );
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
