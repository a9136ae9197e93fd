// A page-blob service on loopback for tests and benchmarks. It is stricter than Azurite, like Azure, and faulty on demand.

import { randomBytes } from 'node:crypto';
import type { PublicAccess } from '../../../src/target/page-blob.ts';
import {
  accountSas,
  connectionString,
  type SasOptions,
  type StorageAccount,
  sasUrl,
  urlOf,
} from '../storage-account.ts';
import { makeTestCertificates } from '../test-certificates.ts';
import { checkVersion } from './answers.ts';
import { type AccessPolicy, authorize, type Credentials } from './authorization.ts';
import type { CopyModel, CopySource } from './copy-operations.ts';
import type { ServiceModel } from './model.ts';
import type { ServiceResponse } from './operation.ts';
import { MAX_BLOB_SIZE, perform } from './operations.ts';
import { anonymousGrant } from './public-access.ts';
import type { ServiceRequest } from './request.ts';
import { BlobServiceServer, checkBody, type ReceivedBody } from './service-server.ts';
import { createSkimmingServer } from './skimmer.ts';
import { BlobStore, StoredBlob } from './store.ts';

const HOUR_MS = 60 * 60 * 1000;

/** Options of a server. */
export interface PageBlobServerOptions {
  /** Default: devstoreaccount1. */
  readonly account?: string;
  /** The account's key in base64; default: a new one. */
  readonly key?: string;
  /** HTTPS with a certificate of a new authority (`caCertificate`). */
  readonly tls?: boolean;
  /** More names in that certificate. */
  readonly hostNames?: readonly string[];
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** Store no contents, only the written ranges. */
  readonly discard?: boolean;
  /** False: do not compute or check checksums, and echo the one of the request. For benchmarks. */
  readonly verifyChecksums?: boolean;
  /** False: count requests without recording them. */
  readonly keepLog?: boolean;
  /** Put Page bodies are dropped before they are parsed. Needs `discard`, and no TLS, checksums or bandwidth limit. */
  readonly skim?: boolean;
  /** Maximum number of ranges in one Get Page Ranges. @default 10,000, which is also the maximum */
  readonly rangesPerResponse?: number;
  /** Maximum size of a page blob in bytes. @default 8 TiB, as in Azure */
  readonly maxBlobSize?: number;
  /** An account for premium page blobs: with tiers, without public access. @default false */
  readonly isPremium?: boolean;
  /** Containers may have public access (allowBlobPublicAccess). @default true */
  readonly allowsPublicAccess?: boolean;
  /** The bearer token that is accepted (over TLS only, as in Azure). */
  readonly bearerToken?: string;
  /** For faults with a probability. */
  readonly seed?: number;
  readonly model?: ServiceModel;
}

/** Starts a server on 127.0.0.1. */
export async function startPageBlobServer(options: PageBlobServerOptions = {}): Promise<PageBlobServer> {
  const server = new PageBlobServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

/** A running server. All public members may be used while requests are served. */
export class PageBlobServer extends BlobServiceServer implements StorageAccount {
  readonly account: string;
  readonly key: string;
  /** How copies behave. */
  readonly copies: CopyModel = { pendingLooks: 0, outcome: 'success' };
  readonly #options: PageBlobServerOptions;
  readonly #otherAccounts: PageBlobServer[] = [];
  readonly #store = new BlobStore();
  readonly #credentials: Credentials;

  constructor(options: PageBlobServerOptions) {
    const { account = 'devstoreaccount1', discard = false, verifyChecksums = true } = options;
    super({
      ...options,
      certificates: options.tls
        ? makeTestCertificates([`${account}.blob.localhost`, ...(options.hostNames ?? [])])
        : undefined,
      listener: options.skim ? createSkimmingServer : undefined,
      keepBodies: verifyChecksums || !discard,
    });
    this.#options = options;
    this.account = account;
    this.key = options.key ?? randomBytes(64).toString('base64');
    this.#credentials = {
      account: this.account,
      key: this.key,
      bearerToken: options.bearerToken,
      expiredTokens: new Set(),
      usedSignatures: new Set(),
      expiredSignatures: new Set(),
      policies: new Map(),
    };
  }

  /** URL of the account, with the account in the path, as in an emulator. */
  get url(): string {
    return `${this.origin}/${this.account}`;
  }

  get connectionString(): string {
    return connectionString(this);
  }

  /** The accepted bearer token. When a new one is set, the previous one counts as expired. */
  get bearerToken(): string | undefined {
    return this.#credentials.bearerToken;
  }

  set bearerToken(token: string | undefined) {
    if (this.#credentials.bearerToken !== undefined) this.#credentials.expiredTokens.add(this.#credentials.bearerToken);
    if (token !== undefined) this.#credentials.expiredTokens.delete(token);
    this.#credentials.bearerToken = token;
  }

  /** Creates a container without a request, unless it exists, and sets its public access. */
  createContainer(name: string, publicAccess: PublicAccess = 'none'): void {
    const container = this.#store.containers.get(name) ?? this.#store.createContainer(name, this.now());
    container.publicAccess = publicAccess;
  }

  /** The public access of a container; undefined if it does not exist. */
  publicAccessOf(name: string): PublicAccess | undefined {
    return this.#store.containers.get(name)?.publicAccess;
  }

  /** Creates a page blob of zeros without a request. */
  createPageBlob(container: string, name: string, size: number): StoredBlob {
    const stored = this.#store.containers.get(container) ?? this.#store.createContainer(container, this.now());
    const blob = new StoredBlob('PageBlob', size, this.now(), this.#options.discard ?? false);
    this.#store.touch(blob, this.now());
    stored.blobs.set(name, blob);
    return blob;
  }

  /** The stored blob. @throws if there is none. */
  blob(container: string, name: string): StoredBlob {
    const blob = this.#store.containers.get(container)?.blobs.get(name);
    if (blob === undefined) throw new Error(`There is no blob ${name} in container ${container}.`);
    return blob;
  }

  hasBlob(container: string, name: string): boolean {
    return this.#store.containers.get(container)?.blobs.has(name) ?? false;
  }

  /** Updates the ETag and the time of a blob after a test has changed it without a request. */
  touch(blob: StoredBlob): void {
    this.#store.touch(blob, this.now());
  }

  /** Deletes a blob without a request, even if it is leased. */
  deleteBlob(container: string, name: string): void {
    this.#store.containers.get(container)?.blobs.delete(name);
  }

  /** The URL of a container or blob, without credentials. */
  urlOf(container: string, blob?: string): string {
    return urlOf(this, container, blob);
  }

  /** The URL of a container or blob with a service SAS, by default for an hour of the server's clock. Never returns a SAS that `expireSas` has expired. */
  sasUrl(options: SasOptions): string {
    for (let expiresAt = this.now().getTime() + HOUR_MS; ; expiresAt += 1000) {
      const url = sasUrl(this, { expiresOn: new Date(expiresAt), ...options });
      const isFixed = options.expiresOn !== undefined || options.policy !== undefined;
      if (isFixed || !this.#credentials.expiredSignatures.has(signatureOf(url))) return url;
    }
  }

  /** The query of an account SAS for the blob service. */
  accountSas(permissions: string, resourceTypes = 'sco'): string {
    return accountSas(this, permissions, resourceTypes, new Date(this.now().getTime() + HOUR_MS));
  }

  setAccessPolicy(container: string, id: string, policy: AccessPolicy): void {
    this.#credentials.policies.set(`${container}/${id}`, policy);
  }

  /** Makes the SAS in `url`, or every SAS used so far, expire. New ones work. */
  expireSas(url?: string): void {
    const signatures = url === undefined ? this.#credentials.usedSignatures : [signatureOf(url)];
    for (const expired of signatures) this.#credentials.expiredSignatures.add(expired);
  }

  /** Lets this server copy blobs of another account. */
  copiesFrom(other: PageBlobServer): void {
    this.#otherAccounts.push(other);
  }

  get #copySource(): CopySource {
    return { url: this.url, store: this.#store, credentials: this.#credentials };
  }

  protected override perform(request: ServiceRequest, body: ReceivedBody): ServiceResponse {
    checkVersion(request);
    const now = this.now().getTime();
    const { isPremium = false, allowsPublicAccess = true } = this.#options;
    const kind = { isPremium, allowsPublicAccess };
    const container = this.#store.containers.get(request.container);
    const grant = anonymousGrant(request, container, kind) ?? authorize(request, this.#credentials, now);
    checkBody(request, body);
    const {
      discard = false,
      verifyChecksums = true,
      rangesPerResponse = 10_000,
      maxBlobSize = MAX_BLOB_SIZE,
    } = this.#options;
    const limits = { rangesPerResponse, maxBlobSize, kind };
    const copySources = [this, ...this.#otherAccounts].map((server) => server.#copySource);
    const copying = { copyModel: this.copies, copySources };
    return perform({ request, body, grant, store: this.#store, now, discard, verifyChecksums, ...limits, ...copying });
  }
}

function signatureOf(url: string): string {
  return new URL(url).searchParams.get('sig') ?? '';
}
