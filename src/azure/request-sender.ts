// Sends the requests of one upload: with the current credential, counted, recorded, and with failures as VhdupErrors.
import type { ContainerClient, PageBlobClient } from '@azure/storage-blob';
import { CredentialError, ServiceError, VhdupError } from '../errors.ts';
import type { RequestRecord } from '../events.ts';
import type { SdkCredential } from './auth/credentials.ts';
import type { Access, Signer } from './auth/signer.ts';
import { toServiceError } from './errors.ts';
import type { Connections } from './network/connections.ts';
import { answeredRequest, failedRequest } from './network/request-record.ts';
import type { Operation } from './operations.ts';

/** The SDK's clients for one credential. */
export interface Clients {
  readonly blob: PageBlobClient;
  readonly container: ContainerClient;
}

export class RequestSender {
  /** How many requests were sent. */
  count = 0;
  readonly #access: Access;
  readonly #connections: Connections;
  readonly #makeClients: (sdk: SdkCredential) => Clients;
  readonly #onRequest: ((record: RequestRecord) => void) | undefined;
  readonly #advice: ReadonlyMap<string, string>;
  /** The signer of the request that each error rejects. */
  readonly #rejected = new WeakMap<CredentialError, Signer>();
  #current: { readonly signer: Signer; readonly clients: Clients };

  /** @param onRequest - Called after each request. @param advice - The next step by error code, where it differs from that for a blob. */
  constructor(
    access: Access,
    connections: Connections,
    makeClients: (sdk: SdkCredential) => Clients,
    onRequest: ((record: RequestRecord) => void) | undefined,
    advice: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#access = access;
    this.#connections = connections;
    this.#makeClients = makeClients;
    this.#onRequest = onRequest;
    this.#advice = advice;
    const { signer } = access;
    this.#current = { signer, clients: makeClients(signer.sdk) };
  }

  get blob(): PageBlobClient {
    return this.#clients.blob;
  }

  get container(): ContainerClient {
    return this.#clients.container;
  }

  /**
   * Whether the credential that `error` rejects was replaced. Waits for the replacement.
   * @throws {CredentialError} the replacements are unusable too; the reason of `signal` on abort.
   */
  async renewed(error: unknown, signal: AbortSignal): Promise<boolean> {
    if (!(error instanceof CredentialError)) return false;
    const rejected = this.#rejected.get(error);
    return rejected !== undefined && (await this.#access.renewed(rejected, error, signal));
  }

  /**
   * Sends one request, without retries.
   * @param what - The operation and its range, for messages: "Put Page 0+4194304".
   * @throws {VhdupError} the request failed; an AbortError on abort.
   */
  async send<T extends object>(operation: Operation, what: string, send: () => Promise<T>): Promise<T> {
    this.count += 1;
    const { signer } = this.#access;
    const startMs = performance.now();
    let record: RequestRecord | undefined;
    try {
      const response: { requestId?: string } & T = await send();
      record = answeredRequest(what, performance.now() - startMs, response);
      this.#connections.answered();
      signer.wasAccepted = true;
      return response;
    } catch (error) {
      // Some of our own errors are thrown before anything is sent.
      if (record === undefined && isAboutAnswer(error)) {
        record = failedRequest(what, performance.now() - startMs, error);
      }
      // Read now, not when the request was sent: another request may have been accepted meanwhile.
      const signedWith = { sas: signer.sdk.sas, wasAccepted: signer.wasAccepted };
      const request = { operation, what, signedWith, proxy: this.#connections.proxy, advice: this.#advice };
      const failure = toServiceError(request, error);
      if (failure instanceof CredentialError) this.#rejected.set(failure, signer);
      throw failure;
    } finally {
      if (record !== undefined) this.#onRequest?.(record);
    }
  }

  /** The clients of the current signer. */
  get #clients(): Clients {
    const { signer } = this.#access;
    if (signer !== this.#current.signer) this.#current = { signer, clients: this.#makeClients(signer.sdk) };
    return this.#current.clients;
  }
}

function isAboutAnswer(error: unknown): boolean {
  return !(error instanceof VhdupError) || (error instanceof ServiceError && error.failure.requestId !== undefined);
}
