// DiskLifecycle: the content of a managed disk. It stores no metadata and has no lease; ending the access to it is the commit.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { CredentialError, DestinationError, VerificationError } from '../errors.ts';
import type { DiskState } from '../state/checkpoint.ts';
import type { Capabilities, RemoteLifecycle } from '../target/lifecycle.ts';
import type { StoreProperties } from '../target/page-store.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** The end of a run waits this long at most, in milliseconds. */
const LOOK_TIMEOUT_MS = 5000;

/** What an identity that may manage the disk can do beyond its data. */
export interface DiskControl {
  /** What the checkpoint must remember of the disk. */
  readonly state: DiskState;
  /** @throws {DestinationError} the disk is another one now, or something else has ended its upload. */
  assertOurs(signal: AbortSignal): Promise<void>;
  /** The cause of a failure, if the state of the disk shows a better one. Does not fail. */
  causeOf(error: unknown): Promise<unknown>;
  /** Ends the access, which makes the content final, and waits until the disk can be used. */
  commit(signal: AbortSignal): Promise<void>;
}

export interface DiskLifecycleOptions {
  readonly store: RetryingPageStore;
  /** The last 512 bytes of the disk. */
  readonly footer: Uint8Array;
  /** Undefined if only a SAS was given: somebody else ends the access. */
  readonly control: DiskControl | undefined;
  /** Whether the disk accepts the checksum of each write. */
  readonly acceptsChecksums: () => boolean;
}

export class DiskLifecycle implements RemoteLifecycle {
  readonly isHeld = false;
  readonly #options: DiskLifecycleOptions;
  /** Whether the content is final. */
  isCommitted = false;
  #isFinishing = false;

  constructor(options: DiskLifecycleOptions) {
    this.#options = options;
  }

  get capabilities(): Capabilities {
    return {
      metadata: false,
      lease: false,
      exclusive: true,
      checksums: this.#options.acceptsChecksums(),
      conditions: false,
      clear: false,
      read: true,
      startsAsZeros: false,
    };
  }

  get remembered(): { readonly disk?: DiskState } {
    const { control } = this.#options;
    if (control === undefined) return {};
    return { disk: { ...control.state, ...(this.#isFinishing ? { finishing: true } : {}) } };
  }

  setContentMd5(): Promise<void> {
    return Promise.reject(new DestinationError('A managed disk has no Content-MD5.', { reason: 'NotSupported' }));
  }

  /**
   * Commits the content of the disk. That cannot be undone, so the footer is read back before.
   * @throws {VerificationError} the disk does not end with the footer.
   */
  async finish(signal: AbortSignal, _etag?: string, save?: () => Promise<void>): Promise<undefined> {
    await this.#assertFooter(signal);
    const { control } = this.#options;
    if (control === undefined) return undefined;
    await control.assertOurs(signal);
    this.#isFinishing = true;
    await save?.();
    await control.commit(signal);
    this.isCommitted = true;
    return undefined;
  }

  /** Leaves the disk as it is: access that ends cannot be granted again for an upload. */
  async abandon(isFailed = false): Promise<string | undefined> {
    if (isFailed) return undefined;
    const properties = await this.#options.store
      .properties(AbortSignal.timeout(LOOK_TIMEOUT_MS))
      .catch(() => undefined);
    return properties === undefined || properties.etag === '' ? undefined : properties.etag;
  }

  async #assertFooter(signal: AbortSignal): Promise<void> {
    const { store, footer } = this.#options;
    const properties: StoreProperties | undefined = await store.properties(signal);
    if (properties === undefined) throw diskGone(store.url);
    const found = new Uint8Array(PAGE_SIZE);
    const range = { offset: properties.size - PAGE_SIZE, length: PAGE_SIZE };
    const options = { etag: properties.etag, checksum: 'none' as const, checksumOf: () => Promise.resolve(undefined) };
    try {
      await store.read(range, found, options, signal);
    } catch (error) {
      // Some SAS can only write. The service itself checks the footer when the access ends.
      if (error instanceof CredentialError && !error.isExpired) return;
      throw error;
    }
    if (Buffer.compare(found, footer) === 0) return;
    throw new VerificationError(
      `The last 512 bytes of the managed disk ${store.url} are not the footer that was sent. Something else has written to the disk. Run the same command with --restart to send everything again.`,
    );
  }
}

/** The SAS leads to nothing any more. */
export function diskGone(url: string): DestinationError {
  return new DestinationError(
    `The managed disk behind ${url} no longer accepts an upload: its access was ended, or the disk was deleted. An upload cannot be resumed after that. Create a new disk, or grant access to it again if its state is still ReadyToUpload or ActiveUpload (az disk show --query diskState).`,
  );
}
