// Every way in which vhdup can fail: one class per cause that a caller can act on, each with a stable code and an exit code.

import { printableText } from './base/printable.ts';
import { redact } from './base/redact.ts';

/** Exit codes of the command line, by kind of failure. The README documents them; they never change their meaning. */
export const EXIT_CODES = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  image: 3,
  parentImage: 4,
  imageChanged: 5,
  destination: 6,
  checkpoint: 7,
  credentials: 8,
  service: 9,
  verification: 10,
  localFile: 11,
  inUse: 12,
  checkWarned: 20,
  checkFailed: 21,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const;

/** The base of all errors that vhdup raises on purpose. Anything else that reaches the caller is a bug of ours. */
export abstract class VhdupError extends Error {
  /** Stable, upper-case: what a script compares. */
  abstract readonly code: string;
  /** What the command line exits with. */
  abstract readonly exitCode: number;

  /** @param message - May quote foreign text: nothing in it controls a terminal, and secrets are taken out. */
  constructor(message: string, options?: ErrorOptions) {
    super(printableText(redact(message)), options);
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** An option or argument that cannot be used as given. */
export class UsageError extends VhdupError {
  readonly code = 'USAGE';
  readonly exitCode = EXIT_CODES.usage;
}

/** A file that cannot be opened or read as an image: absent, not a regular file, held by another process, an I/O error. */
export class ImageAccessError extends VhdupError {
  readonly code = 'IMAGE_ACCESS';
  readonly exitCode = EXIT_CODES.image;
}

/** A file that breaks the rules of the format it claims to be in. */
export class CorruptImageError extends VhdupError {
  readonly code = 'IMAGE_CORRUPT';
  readonly exitCode = EXIT_CODES.image;
}

/** A file in a format, or a variant of one, that vhdup does not read on purpose. */
export class UnsupportedImageError extends VhdupError {
  readonly code = 'IMAGE_UNSUPPORTED';
  readonly exitCode = EXIT_CODES.image;
}

/** What a search for a parent came to. Texts are as they stand in the image, unescaped. */
export interface FailedParentSearch {
  /** Path of the image whose parent is missing. */
  readonly child: string;
  /** What the parent is known by: "unique id 0123...". */
  readonly wanted: string;
  /** `path` is empty where the image says nothing that could be read. */
  readonly tried: readonly { readonly path: string; readonly source: string; readonly problem: string }[];
}

/** The parent of a differencing image was not found, or what was found is not it. */
export class ParentImageError extends VhdupError {
  readonly code = 'PARENT_IMAGE';
  readonly exitCode = EXIT_CODES.parentImage;
  /** Where the error is that nothing was found. */
  readonly search: FailedParentSearch | undefined;

  constructor(message: string, options?: ErrorOptions & { search?: FailedParentSearch }) {
    super(message, options);
    this.search = options?.search;
  }
}

/** The image, or one of its parents, is not what it was when reading began. */
export class ImageChangedError extends VhdupError {
  readonly code = 'IMAGE_CHANGED';
  readonly exitCode = EXIT_CODES.imageChanged;
}

/** The destination cannot be used: a blob is there already, is of another type or size, or is not the one this upload created. */
export class DestinationError extends VhdupError {
  readonly code = 'DESTINATION';
  readonly exitCode = EXIT_CODES.destination;
  /** `x-ms-error-code`, where the service's answer is the cause. */
  readonly reason: string | undefined;

  constructor(message: string, options?: ErrorOptions & { reason?: string }) {
    super(message, options);
    this.reason = options?.reason;
  }
}

/** A checkpoint that is damaged, of another upload, or cannot be written. */
export class CheckpointError extends VhdupError {
  readonly code = 'CHECKPOINT';
  readonly exitCode = EXIT_CODES.checkpoint;
  /** Whether the file is something else, which must not be replaced whatever was asked for: it may be the image. */
  readonly isForeign: boolean;

  constructor(message: string, options?: ErrorOptions & { isForeign?: boolean }) {
    super(message, options);
    this.isForeign = options?.isForeign === true;
  }
}

/** Another process, on this machine or elsewhere, works on the same upload or holds the blob. */
export class InUseError extends VhdupError {
  readonly code = 'IN_USE';
  readonly exitCode = EXIT_CODES.inUse;
}

/** Credentials that are missing, expired, or do not allow what is needed. */
export class CredentialError extends VhdupError {
  readonly code = 'CREDENTIALS';
  readonly exitCode = EXIT_CODES.credentials;
  /** Whether the credential was right but has ended: the same upload goes on with a new one. */
  readonly isExpired: boolean;

  constructor(message: string, options?: ErrorOptions & { isExpired?: boolean }) {
    super(message, options);
    this.isExpired = options?.isExpired === true;
  }
}

/** What arrived is not what was read. */
export class VerificationError extends VhdupError {
  readonly code = 'VERIFICATION';
  readonly exitCode = EXIT_CODES.verification;
}

/** A local file that cannot be written. */
export class LocalFileError extends VhdupError {
  readonly code = 'LOCAL_FILE';
  readonly exitCode = EXIT_CODES.localFile;
}

/** A disk that Azure would surely refuse, found before anything was sent. */
export class DiskCheckError extends VhdupError {
  readonly code = 'DISK_CHECK';
  readonly exitCode = EXIT_CODES.checkFailed;
}

/** How long a failure may last while it repeats. What is left out has no limit. */
export interface RetryLimit {
  /** Tries in a row that end so. */
  readonly tries?: number;
  /** From the first of them, in milliseconds. */
  readonly ms?: number;
}

/** What is known of a request that failed. */
export interface RequestFailure {
  /** HTTP status; absent when no answer came. */
  readonly status?: number;
  /** `x-ms-error-code` of the service, or the code of a network error (ECONNRESET, ...). */
  readonly reason: string;
  /** `x-ms-request-id`, what Azure's support asks for. */
  readonly requestId?: string;
  /** Whether sending the same request again can succeed. */
  readonly transient: boolean;
  /** Of a transient failure that does not pass by itself for ever. */
  readonly limit?: RetryLimit;
  /** Whether the destination is at fault, and not the service, when it does not pass. */
  readonly isDestination?: boolean;
  /** What the service asked to wait, in milliseconds (`Retry-After`). */
  readonly retryAfterMs?: number;
  /** The bytes that arrived were not the bytes that were sent. */
  readonly checksumMismatch?: boolean;
  /** The address may be wrong: no such host, or an answer that is not the service's. */
  readonly suspectAddress?: boolean;
  /** Transient only once the service has answered: before that, it will not pass by itself. */
  readonly needsContact?: boolean;
}

/** A request to the service that failed, or whose retries are used up. */
export class ServiceError extends VhdupError {
  readonly code = 'SERVICE';
  readonly exitCode = EXIT_CODES.service;
  readonly failure: RequestFailure;

  constructor(message: string, failure: RequestFailure, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
