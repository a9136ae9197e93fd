// A cache of the values that were used most recently.

export class Recent<Value> {
  readonly #values = new Map<string | number, Value>();
  readonly #limit: number;

  /** @param limit The most values that are kept. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  async get(key: string | number, load: () => Promise<Value>): Promise<Value> {
    const known = this.#values.get(key);
    const value = known ?? (await load());
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#limit) {
      const [oldest] = this.#values.keys();
      if (oldest !== undefined) this.#values.delete(oldest);
    }
    return value;
  }
}
