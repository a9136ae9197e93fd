// The lease on a blob through @azure/storage-blob: for 60 seconds, nobody else can write to the blob.
import type { BlobLeaseClient, PageBlobClient } from '@azure/storage-blob';
import type { BlobLeases } from '../target/page-blob.ts';
import type { Operation } from './operations.ts';

/** The longest duration of a lease that expires. Source: REST, Lease Blob. */
const LEASE_SECONDS = 60;

/** Sends one request, counts it, and converts its failure to a VhdupError. */
type Send = <T extends object>(operation: Operation, send: () => Promise<T>) => Promise<T>;

export class AzureBlobLeases implements BlobLeases {
  /** The current client. It changes when the SAS is renewed. */
  readonly #blob: () => PageBlobClient;
  readonly #send: Send;
  #id: string | undefined;

  constructor(blob: () => PageBlobClient, send: Send) {
    this.#blob = blob;
    this.#send = send;
  }

  /** The lease condition for write requests. */
  get condition(): { leaseId?: string } {
    return this.#id === undefined ? {} : { leaseId: this.#id };
  }

  use(id: string | undefined): void {
    this.#id = id;
  }

  async acquire(id: string, abortSignal: AbortSignal): Promise<string | undefined> {
    const acquire = () => this.#client(id).acquireLease(LEASE_SECONDS, { abortSignal });
    return (await this.#send('Acquire Lease', acquire)).etag;
  }

  async renew(id: string, abortSignal: AbortSignal): Promise<void> {
    await this.#send('Renew Lease', () => this.#client(id).renewLease({ abortSignal }));
  }

  async change(id: string, newId: string, abortSignal: AbortSignal): Promise<void> {
    await this.#send('Change Lease', () => this.#client(id).changeLease(newId, { abortSignal }));
  }

  async release(id: string, abortSignal: AbortSignal): Promise<string | undefined> {
    return (await this.#send('Release Lease', () => this.#client(id).releaseLease({ abortSignal }))).etag;
  }

  async break(abortSignal: AbortSignal): Promise<void> {
    await this.#send('Break Lease', () => this.#blob().getBlobLeaseClient().breakLease(0, { abortSignal }));
  }

  #client(id: string): BlobLeaseClient {
    return this.#blob().getBlobLeaseClient(id);
  }
}
