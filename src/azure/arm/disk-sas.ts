// The SAS of a managed disk, in a form that cannot be printed by accident.
import { inspect } from 'node:util';
import { registerSecret } from '../../base/redact.ts';

/**
 * The URL with which the content of a disk can be read or written. It appears in no text, JSON or debug output of this object.
 * The SAS refers to a stored policy, so the URL does not show when it expires.
 */
export class DiskSas {
  readonly #url: string;

  /** @param url - `accessSAS`, as the service returned it. Its signature is registered as a secret. */
  constructor(url: string) {
    this.#url = url;
    const parameters = new URL(url).searchParams;
    for (const name of ['sig', 'si']) {
      // A + that is not encoded means itself in a SAS.
      registerSecret(parameters.get(name)?.replaceAll(' ', '+') ?? '');
    }
  }

  /** The URL with the SAS: a secret. Do not print or store it. */
  reveal(): string {
    return this.#url;
  }

  /** The URL without the SAS, as `toString`, `JSON.stringify` and `util.inspect` show it too. */
  get url(): string {
    const { origin, pathname } = new URL(this.#url);
    return origin + pathname;
  }

  toString(): string {
    return this.url;
  }

  toJSON(): string {
    return this.url;
  }

  [inspect.custom](): string {
    return this.url;
  }
}
