// Objects whose undefined fields are absent, as JSON and exact optional properties need them.

export type Present<T> = { -readonly [K in keyof T]?: T[K] & {} };

/** A copy without the fields that are undefined or null. */
export function present<T extends object>(fields: T): Present<T> {
  const copy: Present<T> = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined && value !== null) copy[key] = value;
  }
  return copy;
}
