// The errors of vhdup: one class for each cause that a caller can act on, each with a stable code and an exit code.

import { printableText } from './base/printable.ts';
import { redact } from './base/redact.ts';

/** Exit codes of the command line, by kind of failure. docs/exit-codes.md lists them. They never change their meaning. */
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

/** The base class of all errors that vhdup throws on purpose. Any other error is a bug of vhdup. */
export abstract class VhdupError extends Error {
  /** Stable, in upper case, for scripts. */
  abstract readonly code: string;
  /** The exit code of the command line. */
  abstract readonly exitCode: number;

  /** @param message - May quote foreign text: control characters are escaped and secrets removed. */
  constructor(message: string, options?: ErrorOptions) {
    super(printableText(redact(message)), options);
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** An option or argument is not valid. */
export class UsageError extends VhdupError {
  readonly code = 'USAGE';
  readonly exitCode = EXIT_CODES.usage;
}

/** An image cannot be opened or read: it is missing, not a regular file or locked by another process, or the disk reports an error. */
export class ImageAccessError extends VhdupError {
  readonly code = 'IMAGE_ACCESS';
  readonly exitCode = EXIT_CODES.image;
}

/** An image violates the rules of its format. */
export class CorruptImageError extends VhdupError {
  readonly code = 'IMAGE_CORRUPT';
  readonly exitCode = EXIT_CODES.image;
}

/** An image has a format, or a variant of one, that vhdup does not support. */
export class UnsupportedImageError extends VhdupError {
  readonly code = 'IMAGE_UNSUPPORTED';
  readonly exitCode = EXIT_CODES.image;
}

/** The result of a failed search for a parent. Texts from the image are not escaped. */
export interface FailedParentSearch {
  /** Path of the image whose parent is missing. */
  readonly child: string;
  /** The identity of the parent: "unique id 0123...". */
  readonly wanted: string;
  /** `path` is empty if the image contains no readable path. */
  readonly tried: readonly { readonly path: string; readonly source: string; readonly problem: string }[];
}

/** The parent of a differencing image was not found, or the file found is not the parent. */
export class ParentImageError extends VhdupError {
  readonly code = 'PARENT_IMAGE';
  readonly exitCode = EXIT_CODES.parentImage;
  /** Present if no parent was found. */
  readonly search: FailedParentSearch | undefined;

  constructor(message: string, options?: ErrorOptions & { search?: FailedParentSearch }) {
    super(message, options);
    this.search = options?.search;
  }
}

/** The image or one of its parents changed since it was opened or since the previous run. */
export class ImageChangedError extends VhdupError {
  readonly code = 'IMAGE_CHANGED';
  readonly exitCode = EXIT_CODES.imageChanged;
}

/** The destination cannot be used: a blob exists, has another type or size, or is not the one that this upload created. */
export class DestinationError extends VhdupError {
  readonly code = 'DESTINATION';
  readonly exitCode = EXIT_CODES.destination;
  /** `x-ms-error-code`, if an answer of the service is the cause. */
  readonly reason: string | undefined;

  constructor(message: string, options?: ErrorOptions & { reason?: string }) {
    super(message, options);
    this.reason = options?.reason;
  }
}

/** A checkpoint is damaged, belongs to another upload, or cannot be written. */
export class CheckpointError extends VhdupError {
  readonly code = 'CHECKPOINT';
  readonly exitCode = EXIT_CODES.checkpoint;
  /** Whether the file is not a checkpoint. It may be the image, so no option replaces it. */
  readonly isForeign: boolean;

  constructor(message: string, options?: ErrorOptions & { isForeign?: boolean }) {
    super(message, options);
    this.isForeign = options?.isForeign === true;
  }
}

/** Another process, on this machine or elsewhere, works on the same upload or holds a lease on the blob. */
export class InUseError extends VhdupError {
  readonly code = 'IN_USE';
  readonly exitCode = EXIT_CODES.inUse;
}

/** Credentials are missing, have expired, or lack a permission. */
export class CredentialError extends VhdupError {
  readonly code = 'CREDENTIALS';
  readonly exitCode = EXIT_CODES.credentials;
  /** Whether the credential was valid but has expired: the upload can resume with a new one. */
  readonly isExpired: boolean;

  constructor(message: string, options?: ErrorOptions & { isExpired?: boolean }) {
    super(message, options);
    this.isExpired = options?.isExpired === true;
  }
}

/** The blob does not match the image. */
export class VerificationError extends VhdupError {
  readonly code = 'VERIFICATION';
  readonly exitCode = EXIT_CODES.verification;
}

/** A local file cannot be written. */
export class LocalFileError extends VhdupError {
  readonly code = 'LOCAL_FILE';
  readonly exitCode = EXIT_CODES.localFile;
}

/** Azure would refuse the disk. Thrown before anything is sent. */
export class DiskCheckError extends VhdupError {
  readonly code = 'DISK_CHECK';
  readonly exitCode = EXIT_CODES.checkFailed;
}

/** How long a failure may repeat before the work fails. An absent field sets no limit. */
export interface RetryLimit {
  /** Consecutive attempts with this failure. */
  readonly tries?: number;
  /** Time since the first of these attempts, in milliseconds. */
  readonly ms?: number;
}

/** Details of a failed request. */
export interface RequestFailure {
  /** HTTP status; absent if no answer came. */
  readonly status?: number;
  /** `x-ms-error-code` of the service, or the code of a network error (ECONNRESET, ...). */
  readonly reason: string;
  /** `x-ms-request-id`, which Azure support asks for. */
  readonly requestId?: string;
  /** Whether sending the same request again can succeed. */
  readonly transient: boolean;
  /** For a transient failure that may turn out to be permanent. */
  readonly limit?: RetryLimit;
  /** Whether the cause of a permanent failure is the destination and not the service. */
  readonly isDestination?: boolean;
  /** The pause that the service asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number;
  /** Whether the bytes were damaged on the way. */
  readonly checksumMismatch?: boolean;
  /** Whether the address may be wrong: the host does not exist, or the answer is not from the service. */
  readonly suspectAddress?: boolean;
  /** Transient only after the service has answered once; permanent before that. */
  readonly needsContact?: boolean;
}

/** A request to the service failed permanently, or its retries are used up. */
export class ServiceError extends VhdupError {
  readonly code = 'SERVICE';
  readonly exitCode = EXIT_CODES.service;
  readonly failure: RequestFailure;

  constructor(message: string, failure: RequestFailure, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
