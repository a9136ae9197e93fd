// Access with a SAS. When it expires, rejected requests wait for a new one.
import { CredentialError } from '../../errors.ts';
import type { BlobAddress } from '../destination.ts';
import { isDiskUrl } from '../storage-host.ts';
import type { RenewSas } from './credentials.ts';
import { assertSasAllows, parseSas, readSas } from './sas.ts';
import type { Access, AccessOptions, Signer } from './signer.ts';

/** How many unusable SAS in a row end the upload. */
const MAX_UNUSABLE = 10;
/** The longest timer that Node.js supports, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class SasAccess implements Access {
  readonly #address: BlobAddress;
  readonly #options: AccessOptions;
  readonly #closed = new AbortController();
  #signer: Signer;
  /** When the signer's SAS expires. Cached because each progress event reads it. */
  #expiresOn: Date | undefined;
  #isFirst = true;
  #unusable = 0;
  /** The pending renewal, which all requests share. */
  #renewal: Promise<boolean> | undefined;

  constructor(sas: string, address: BlobAddress, options: AccessOptions) {
    this.#signer = { sdk: { sas }, wasAccepted: false };
    this.#expiresOn = readSas(sas).expiresOn;
    this.#address = address;
    this.#options = options;
  }

  get signer(): Signer {
    return this.#signer;
  }

  get expiresOn(): Date | undefined {
    return this.#expiresOn;
  }

  async renewed(rejected: Signer, error: CredentialError, signal: AbortSignal): Promise<boolean> {
    if (rejected !== this.#signer) return true;
    const { renewSas } = this.#options;
    // Whatever is wrong with a SAS that was just supplied, another one may be accepted.
    const needsRenewal = error.isExpired || !(this.#isFirst || rejected.wasAccepted);
    if (renewSas === undefined || !needsRenewal) return false;
    this.#renewal ??= this.#renew(renewSas, rejected, error).finally(() => {
      this.#renewal = undefined;
    });
    return await settledOrAborted(this.#renewal, signal);
  }

  close(): void {
    this.#closed.abort(new Error('The upload is over.'));
  }

  async #renew(renewSas: RenewSas, rejected: Signer, error: CredentialError): Promise<boolean> {
    if (rejected.wasAccepted) this.#unusable = 0;
    const giveUp = timeLimit(this.#options.giveUpAfterMs ?? 12 * 3_600_000);
    const signal = AbortSignal.any([this.#closed.signal, giveUp.signal]);
    let problem = error.message;
    this.#report(error.isExpired ? 'expired' : 'refused', problem);
    try {
      while (this.#unusable < MAX_UNUSABLE) {
        this.#unusable += 1;
        try {
          const answer = renewSas({ problem, attempt: this.#unusable, signal });
          const text = await settledOrAborted(Promise.resolve(answer), signal);
          if (text === undefined) return false;
          this.#use(text, rejected);
          return true;
        } catch (unusable) {
          signal.throwIfAborted();
          if (!(unusable instanceof CredentialError)) throw unusable;
          problem = unusable.message;
          this.#report('refused', problem);
        }
      }
    } finally {
      giveUp.clear();
    }
    throw new CredentialError(`None of the last ${MAX_UNUSABLE} SAS was usable. ${problem}`, { isExpired: true });
  }

  #use(text: string, rejected: Signer): void {
    const { isDisk = false, permissions = 'rw' } = this.#options;
    const url = isDisk ? diskUrlIn(text) : undefined;
    const sas = parseSas(text, url === undefined ? this.#address : { ...this.#address, url });
    assertSasAllows(sas, permissions, new Date(), this.#address);
    if (sas === rejected.sdk.sas && !isDisk) {
      throw new CredentialError('The new SAS is the one that the service rejected.');
    }
    this.#signer = { sdk: { sas, ...(url === undefined ? {} : { url }) }, wasAccepted: false };
    this.#expiresOn = readSas(sas).expiresOn;
    this.#isFirst = false;
    const until = this.#expiresOn === undefined ? '' : `, which expires at ${this.#expiresOn.toISOString()}`;
    this.#report('renewed', `Resuming with a new SAS${until}.`);
  }

  #report(state: 'expired' | 'refused' | 'renewed', message: string): void {
    this.#options.onEvent?.({ type: 'credential', state, message });
  }
}

/** The URL of a disk without its SAS; undefined if the text is only a SAS. */
function diskUrlIn(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return isDiskUrl(url) ? url.origin + url.pathname : undefined;
}

/** Aborts with a CredentialError if no new SAS arrives in time. */
function timeLimit(ms: number): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const giveUp = () => {
    const message = `The SAS has expired, and no new one arrived within ${Math.round(ms / 1000)} s.`;
    controller.abort(new CredentialError(message, { isExpired: true }));
  };
  const timer = setTimeout(giveUp, Math.min(ms, MAX_TIMER_MS));
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

/** The outcome of `work`, or the reason of `signal` if it aborts first. */
async function settledOrAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (abort !== undefined) signal.removeEventListener('abort', abort);
  }
}
