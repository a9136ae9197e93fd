// Fields of events and results, which may come from the log of another version: what is absent or has another type is undefined.

/** An event, a result or an error as an object of JSON. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function listIn(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  return Array.isArray(value) ? value : [];
}

export function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
}

/** A number that is not negative. */
export function numberIn(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

export function flagIn(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  return typeof value === 'boolean' ? value : undefined;
}

/** Milliseconds since the Unix epoch. */
export function timeIn(fields: Fields, name: string): number | undefined {
  const time = Date.parse(textIn(fields, name) ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** A list of numbers, if it is one. */
export function numbersIn(fields: Fields, name: string): readonly number[] {
  const values = listIn(fields, name);
  return values.every((value): value is number => typeof value === 'number' && value >= 0) ? values : [];
}
