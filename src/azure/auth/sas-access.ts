// Access with a SAS, which expires: refused requests wait until another one is given.
import { CredentialError } from '../../errors.ts';
import type { BlobAddress } from '../destination.ts';
import type { RenewSas } from './credentials.ts';
import { assertSasAllows, parseSas, readSas } from './sas.ts';
import type { Access, AccessOptions, Signer } from './signer.ts';

/** SAS in a row that cannot be used. */
const MAX_UNUSABLE = 10;
/** The longest timer of Node, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class SasAccess implements Access {
  readonly #address: BlobAddress;
  readonly #options: AccessOptions;
  readonly #closed = new AbortController();
  #signer: Signer;
  /** When the signer's SAS expires. Kept because each progress event asks for it. */
  #expiresOn: Date | undefined;
  #isFirst = true;
  #unusable = 0;
  /** The one search for another SAS that is under way, for all requests. */
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

  async renewed(refused: Signer, error: CredentialError, signal: AbortSignal): Promise<boolean> {
    if (refused !== this.#signer) return true;
    const { renewSas } = this.#options;
    // Whatever the service has against a SAS that was just given, a better one can be given instead.
    const isOfNoUse = error.isExpired || !(this.#isFirst || refused.wasAccepted);
    if (renewSas === undefined || !isOfNoUse) return false;
    this.#renewal ??= this.#findAnother(renewSas, refused, error).finally(() => {
      this.#renewal = undefined;
    });
    return await settledOrAborted(this.#renewal, signal);
  }

  close(): void {
    this.#closed.abort(new Error('The upload is over.'));
  }

  async #findAnother(renewSas: RenewSas, refused: Signer, error: CredentialError): Promise<boolean> {
    if (refused.wasAccepted) this.#unusable = 0;
    const giveUp = timeLimit(this.#options.giveUpAfterMs ?? 12 * 3_600_000);
    const signal = AbortSignal.any([this.#closed.signal, giveUp.signal]);
    let problem = error.message;
    this.#report(error.isExpired ? 'expired' : 'refused', problem);
    try {
      while (this.#unusable < MAX_UNUSABLE) {
        this.#unusable += 1;
        try {
          const asked = renewSas({ problem, attempt: this.#unusable, signal });
          const text = await settledOrAborted(Promise.resolve(asked), signal);
          if (text === undefined) return false;
          this.#take(text, refused);
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
    throw new CredentialError(`None of the last ${MAX_UNUSABLE} SAS could be used. ${problem}`, { isExpired: true });
  }

  #take(text: string, refused: Signer): void {
    const sas = parseSas(text, this.#address);
    assertSasAllows(sas, this.#options.permissions ?? 'rw');
    if (sas === refused.sdk.sas)
      throw new CredentialError('The SAS that was given is the one that the service refused.');
    this.#signer = { sdk: { sas }, wasAccepted: false };
    this.#expiresOn = readSas(sas).expiresOn;
    this.#isFirst = false;
    const until = this.#expiresOn === undefined ? '' : `, which expires at ${this.#expiresOn.toISOString()}`;
    this.#report('renewed', `Resuming with a new SAS${until}.`);
  }

  #report(state: 'expired' | 'refused' | 'renewed', message: string): void {
    this.#options.onEvent?.({ type: 'credential', state, message });
  }
}

/** Aborts with an error that says so when nobody gave another SAS in time. */
function timeLimit(ms: number): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const giveUp = () => {
    const message = `The SAS has expired, and no new one was given within ${Math.round(ms / 1000)} s.`;
    controller.abort(new CredentialError(message, { isExpired: true }));
  };
  const timer = setTimeout(giveUp, Math.min(ms, MAX_TIMER_MS));
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

/** The outcome of `work`, or the reason of `signal` if that comes first. */
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
