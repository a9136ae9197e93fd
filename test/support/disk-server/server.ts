// The endpoint of managed disks on loopback (md-impexp-… and md-… hosts): the data plane of an upload. It accepts only what is known to
// work there, and records everything else as a violation. What is unknown is a switch (`behaviour`).

import { endOf, PAGE_SIZE } from '../../../src/base/byte-range.ts';
import type { TokenIssuer } from '../entra/token-issuer.ts';
import { checkVersion, serviceFailure } from '../page-blob-server/answers.ts';
import { invalidHeader, invalidPageRange, permissionMismatch, requestBodyTooLarge } from '../page-blob-server/error.ts';
import type { LoggedRequest } from '../page-blob-server/log.ts';
import type { ServiceModel } from '../page-blob-server/model.ts';
import type { OperationContext, ServiceResponse } from '../page-blob-server/operation.ts';
import { clearPages, getPageRanges, MAX_PUT_PAGE, putPage } from '../page-blob-server/page-operations.ts';
import { getBlob, getBlobProperties } from '../page-blob-server/read-operations.ts';
import { requestedRange, type ServiceRequest } from '../page-blob-server/request.ts';
import { BlobServiceServer, checkBody, type ReceivedBody } from '../page-blob-server/service-server.ts';
import { BlobStore, StoredBlob } from '../page-blob-server/store.ts';
import type { TestCertificates } from '../test-certificates.ts';
import type { TestClock } from '../test-server/clock.ts';
import { accessOf, checkToken } from './authentication.ts';
import { DEFAULT_BEHAVIOUR, type DiskBehaviour } from './behaviour.ts';
import { type AccessLevel, BLOB, DiskAccess, DiskBlob, randomName } from './disk-blob.ts';
import { shown, withHeader, withoutIgnored } from './headers.ts';
import { checkRestrictions, Violation } from './restrictions.ts';
import { FOOTER_LENGTH, fixedFooter } from './vhd-footer.ts';

/** The double slash of the scope `https://disk.azure.com//.default` is intended: the audience ends in a slash. */
export const DISK_AUDIENCE = 'https://disk.azure.com/';

export interface DiskServerOptions {
  readonly issuer: TokenIssuer;
  readonly clock: TestClock;
  readonly certificates?: TestCertificates | undefined;
  /** URLs with the account in a host such as md-impexp-….z12.blob.localhost, instead of in the path. @default false */
  readonly hostStyle?: boolean | undefined;
  /** @default https://disk.azure.com/ */
  readonly audience?: string | undefined;
  readonly behaviour?: Partial<DiskBehaviour> | undefined;
  /** For faults with a probability. */
  readonly seed?: number | undefined;
  readonly model?: ServiceModel | undefined;
  readonly onRequest?: ((entry: LoggedRequest) => void) | undefined;
}

/** A request that no correct client sends. */
export interface DiskViolation {
  /** The id of the request in the log. */
  readonly id: string;
  readonly method: string;
  readonly problem: string;
}

/** All public members may be used while requests are served. */
export class DiskServer extends BlobServiceServer {
  readonly behaviour: DiskBehaviour;
  /** Tests assert that there are none. */
  readonly violations: DiskViolation[] = [];
  readonly #options: DiskServerOptions;
  readonly #store = new BlobStore();
  readonly #disks = new Map<string, DiskBlob>();
  readonly #granted: DiskAccess[] = [];

  constructor(options: DiskServerOptions) {
    super(options);
    this.#options = options;
    this.behaviour = { ...DEFAULT_BEHAVIOUR, ...options.behaviour };
  }

  /** Creates the blob of a disk without a request. @param size - Of the blob in bytes, with the footer. */
  createBlob(size: number, options: { readonly needsToken?: boolean; readonly isUpload?: boolean } = {}): DiskBlob {
    const name = randomName();
    const blob = new StoredBlob('PageBlob', size, this.now(), false);
    this.#store.createContainer(name, this.now()).blobs.set(BLOB, blob);
    const disk = new DiskBlob(name, blob, options.needsToken ?? false);
    this.#disks.set(name, disk);
    if (options.isUpload !== false) {
      for (const { offset, bytes } of this.behaviour.staleData) this.writePages(disk, offset, bytes);
      if (this.behaviour.hasFooterFromStart) {
        this.writePages(disk, size - FOOTER_LENGTH, fixedFooter(size - FOOTER_LENGTH));
      }
    }
    this.#store.touch(blob, this.now());
    return disk;
  }

  /** Writes pages without a request, as somebody else with access to the disk would. Changes the ETag. */
  writePages(disk: DiskBlob, offset: number, bytes: Uint8Array): void {
    disk.blob.write(offset, bytes);
    disk.blob.markWritten({ offset, length: bytes.length });
    this.#store.touch(disk.blob, this.now());
  }

  /** Removes the blob of a disk, with every access to it. */
  deleteBlob(disk: DiskBlob): void {
    this.#disks.delete(disk.container);
    this.#store.containers.delete(disk.container);
  }

  /** Grants access without a request. */
  grant(disk: DiskBlob, level: AccessLevel, durationMs: number): DiskAccess {
    const host = level === 'Write' ? 'md-impexp' : 'md-hdd';
    const account = disk.accesses.find((access) => access.level === level)?.account ?? `${host}-${randomName()}`;
    const now = this.now();
    const access = new DiskAccess(level, account, now, new Date(now.getTime() + durationMs));
    disk.accesses.push(access);
    this.#granted.push(access);
    return access;
  }

  /** The URL of a disk without its SAS. */
  urlOf(disk: DiskBlob, access: DiskAccess): string {
    const path = `${disk.container}/${BLOB}`;
    if (this.#options.hostStyle !== true) return `${this.origin}/${access.account}/${path}`;
    return `${this.origin.replace('127.0.0.1', `${access.account}.z12.blob.localhost`)}/${path}`;
  }

  /** The URL of a disk with its SAS. */
  sasUrl(disk: DiskBlob, access: DiskAccess): string {
    const sas = Object.entries(access.parameters(this.behaviour.sasForm));
    return `${this.urlOf(disk, access)}?${sas.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
  }

  /** The stored policies and signatures of all SAS that were granted, also as they are in a URL. */
  get sasSecrets(): string[] {
    return this.#granted.flatMap(({ policy, signature }) => [policy, signature, encodeURIComponent(signature)]);
  }

  /** Makes every SAS that was granted so far expire. New ones work. */
  expireSas(): void {
    for (const access of this.#granted) access.expiresAt = this.now();
  }

  protected override perform(request: ServiceRequest, body: ReceivedBody): ServiceResponse {
    try {
      return this.#perform(request, body);
    } catch (error) {
      if (error instanceof Violation) {
        this.violations.push({ id: request.id, method: request.method, problem: error.message });
      }
      throw error;
    }
  }

  #perform(request: ServiceRequest, body: ReceivedBody): ServiceResponse {
    const { behaviour } = this;
    checkVersion(request);
    checkNewestVersion(request, behaviour.newestVersion);
    checkRestrictions(request, behaviour.clearPages);
    const { issuer, audience = DISK_AUDIENCE } = this.#options;
    const { disk, access } = accessOf(request, this.#disks.get(request.container), behaviour, this.now());
    checkToken(request, disk, issuer, audience, behaviour);
    this.#checkLevel(request, access);
    checkBody(request, body);
    const context = {
      request: withoutIgnored(request, behaviour),
      body,
      grant: { permissions: 'all' },
      store: this.#store,
      now: this.now().getTime(),
      discard: false,
      verifyChecksums: true,
      rangesPerResponse: behaviour.rangesPerResponse,
      listsEachPage: behaviour.pageRanges === 'page-by-page',
      maxBlobSize: disk.blob.size,
      kind: { isPremium: false, allowsPublicAccess: false },
    };
    return shown(this.#execute(context, disk), behaviour);
  }

  #execute(context: OperationContext, disk: DiskBlob): ServiceResponse {
    const { behaviour } = this;
    switch (context.request.operation) {
      case 'PutPage':
        checkPages(context.request, disk.blob.size, MAX_PUT_PAGE);
        return withHeader(putPage(context), 'x-ms-request-server-encrypted', 'true');
      case 'ClearPages':
        checkPages(context.request, disk.blob.size, Number.POSITIVE_INFINITY);
        return clearPages(context);
      case 'GetPageRanges':
        if (behaviour.pageRanges === 'times-out') throw serviceFailure(500, 'OperationTimedOut');
        if (behaviour.pageRanges === 'refused') throw permissionMismatch();
        return getPageRanges(context);
      case 'GetBlob':
        return getBlob(context);
      default:
        return getBlobProperties(context);
    }
  }

  #checkLevel({ operation }: ServiceRequest, { level }: DiskAccess): void {
    const isWrite = operation === 'PutPage' || operation === 'ClearPages';
    if (isWrite && level === 'Read') throw permissionMismatch();
    if (operation === 'GetBlob' && level === 'Write' && !this.behaviour.readWithWriteSas) throw permissionMismatch();
  }
}

function checkNewestVersion(request: ServiceRequest, newest: string | undefined): void {
  const version = request.headers.get('x-ms-version') ?? '';
  if (newest !== undefined && version > newest) throw invalidHeader('x-ms-version', version);
}

/** Throws 413 or 416; a range that cannot be read is left to the operation. */
function checkPages(request: ServiceRequest, size: number, limit: number): void {
  const range = requestedRange(request);
  if (range === undefined) return;
  if (range.length > limit && Number.isFinite(range.length)) throw requestBodyTooLarge(limit);
  const isAligned = range.offset % PAGE_SIZE === 0 && range.length % PAGE_SIZE === 0;
  if (!isAligned || endOf(range) > size) throw invalidPageRange();
}
