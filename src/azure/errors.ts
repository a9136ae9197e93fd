// Turns what the SDK throws into errors of our own: what failed, whether to try again, what to do. Nothing of the request,
// which holds the SAS and the Authorization header, is kept.

import { redact } from '../base/redact.ts';
import { CredentialError, DestinationError, ServiceError, VhdupError } from '../errors.ts';
import { explainRefusal } from './auth/auth-failure.ts';
import { isSignInError, signInError } from './auth/sign-in-error.ts';
import { certificateAdvice } from './network/certificate-advice.ts';

/** The parts of the SDK's RestError that are read here. */
interface RestErrorLike {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly statusCode?: number;
  readonly response?: { readonly status: number; readonly headers: { get(name: string): string | undefined } };
  /** The fields of the answer's XML. */
  readonly details?: unknown;
}

/** What signed the request. */
export interface SignedWith {
  /** Undefined where it was something else. */
  readonly sas: string | undefined;
  /** Whether the service accepted the same credential before. */
  readonly wasAccepted: boolean;
}

const TRANSIENT_STATUSES = new Set([408, 429, 500, 502, 503, 504]);
const CHECKSUM_MISMATCHES = new Set(['Md5Mismatch', 'Crc64Mismatch']);
/** Network errors that hint at a wrong address rather than at a bad line. */
const SUSPECT_ADDRESS = /^(?:ENOTFOUND|EPROTO|EPROXY|ERR_TLS_|ERR_SSL_)/;

/** What to do about an answer of the service that no retry can change, by its `x-ms-error-code`. */
const ADVICE: Readonly<Record<string, string>> = {
  AuthenticationFailed:
    'The signature is wrong, or it is not valid at this time. Check that the SAS or key is complete and belongs to this account, and that the clock of this machine is right.',
  AuthorizationPermissionMismatch:
    'The credential does not allow this. A SAS needs the permissions r and w; with Microsoft Entra, the role Storage Blob Data Contributor.',
  AuthorizationFailure:
    'The network rules of the account (firewall, private endpoint) or its policies refuse this machine.',
  AuthorizationResourceTypeMismatch:
    'The SAS is not for this kind of resource. An account SAS needs the resource types c and o.',
  KeyBasedAuthenticationNotPermitted:
    'The account accepts no account keys. Sign in with Microsoft Entra (az login), or use a user delegation SAS.',
  PublicAccessNotPermitted: 'No credential was sent. Give a SAS, a key or sign in with az login.',
  NoAuthenticationInformation: 'No credential was sent. Give a SAS, a key or sign in with az login.',
  ContainerNotFound: 'There is no such container. Create it, or give --create-container.',
  BlobNotFound: 'There is no such blob (any more).',
  ResourceNotFound: 'There is no such container or blob.',
  InvalidBlobType: 'What is there is not a page blob. Delete it, or choose another name.',
  LeaseIdMissing: 'Another program holds a lease on the blob.',
  LeaseIdMismatchWithBlobOperation: 'Another program holds a lease on the blob.',
  ConditionNotMet: 'Something changed the blob meanwhile.',
  SequenceNumberConditionNotMet: 'Something replaced the blob while the upload was running.',
  FeatureNotSupportedByAccount: 'The account has no page blobs: those with a hierarchical namespace do not.',
  AccountIsDisabled: 'The storage account is disabled.',
  ContainerBeingDeleted: 'The container is being deleted. Choose another one, or wait some minutes.',
};

/**
 * @param what - What was attempted: "Put Page 0+4194304".
 * @returns an error to throw; `error` itself where it is not about a request (an abort, a bug).
 */
export function toServiceError(what: string, error: unknown, signedWith?: SignedWith): unknown {
  if (!(error instanceof Error) || error instanceof VhdupError || error.name === 'AbortError') return error;
  // Node refuses an argument with these; they have a code too, but are bugs and not failures of the network.
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const restError: RestErrorLike = error;
  if (isSignInError(error)) return signInError(error);
  const status = restError.response?.status ?? restError.statusCode;
  if (status !== undefined && restError.response !== undefined) return answerError(what, restError, status, signedWith);
  if (restError.name === 'RestError' || restError.code !== undefined) return networkError(what, restError);
  return error;
}

function networkError(what: string, { code = 'no answer', message = '' }: RestErrorLike): ServiceError {
  const text = `${what} failed: ${firstLine(redact(message))} (${code}).`;
  // A sign-in page may stand in for the service for a while, but not before it has ever been there.
  const advice = certificateAdvice(code);
  if (advice !== undefined) {
    return new ServiceError(`${text} ${advice}`, { reason: code, transient: true, needsContact: true });
  }
  return new ServiceError(text, { reason: code, transient: true, suspectAddress: SUSPECT_ADDRESS.test(code) });
}

function answerError(what: string, error: RestErrorLike, status: number, signedWith?: SignedWith): Error {
  const header = (name: string) => error.response?.headers.get(name);
  const requestId = header('x-ms-request-id');
  if (requestId === undefined) return foreignAnswer(what, status, header('content-type'), header('retry-after'));

  const reason = header('x-ms-error-code') ?? error.code ?? `HTTP ${status}`;
  // The answer to a HEAD has no body, and so no message.
  const message = firstLine(redact(error.message ?? ''));
  const text = `${what} failed: ${status} ${reason}${message === '' ? '' : `, ${message}`} (request id ${requestId})`;
  const checksumMismatch = CHECKSUM_MISMATCHES.has(reason);
  if (TRANSIENT_STATUSES.has(status) || checksumMismatch || status < 400) {
    return new ServiceError(text, {
      status,
      reason,
      requestId,
      transient: true,
      checksumMismatch,
      ...retryAfter(header('retry-after')),
    });
  }
  if (reason === 'AuthenticationFailed') {
    const { isExpired, explanation } = explainRefusal({
      sas: signedWith?.sas,
      wasAccepted: signedWith?.wasAccepted === true,
      detail: detailOf(error.details),
      serviceTime: timeOf(header('date')),
    });
    // The service's own words speak of a header where the SAS is what is wrong.
    const known = `${what} failed: ${status} ${reason} (request id ${requestId}). ${explanation}`;
    return new CredentialError(explanation === undefined ? `${text}. ${ADVICE[reason]}` : known, { isExpired });
  }
  const advised = ADVICE[reason] === undefined ? text : `${text}. ${ADVICE[reason]}`;
  if (status === 401 || status === 403) return new CredentialError(advised);
  if (status === 404 || status === 409 || status === 412) return new DestinationError(advised, { reason });
  return new ServiceError(advised, { status, reason, requestId, transient: false });
}

/** The service says there what is wrong with a signature; it may quote the request. */
function detailOf(details: unknown): string {
  const { authenticationErrorDetail: detail } = (details ?? {}) as { authenticationErrorDetail?: unknown };
  return typeof detail === 'string' ? detail : '';
}

function timeOf(header: string | undefined): Date | undefined {
  const time = new Date(header ?? '');
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** A proxy, a captive portal or a wrong host answered. It may pass; before the service has answered once it is a hint. */
function foreignAnswer(
  what: string,
  status: number,
  contentType = 'unknown type',
  retryAfterHeader?: string,
): ServiceError {
  return new ServiceError(
    `${what} failed: the answer (status ${status}, ${contentType}) did not come from Azure Storage but from something on the way, a proxy or a sign-in page perhaps.`,
    { status, reason: `HTTP ${status}`, transient: true, suspectAddress: true, ...retryAfter(retryAfterHeader) },
  );
}

/** An answer whose head says success but that is not the service's. */
export function assertFromService(what: string, requestId: string | undefined, status: number): void {
  if (requestId === undefined) throw foreignAnswer(what, status);
}

function retryAfter(header: string | undefined): { retryAfterMs?: number } {
  if (header === undefined) return {};
  const seconds = Number(header);
  const milliseconds = Number.isNaN(seconds) ? new Date(header).getTime() - Date.now() : seconds * 1000;
  return Number.isNaN(milliseconds) ? {} : { retryAfterMs: Math.max(0, milliseconds) };
}

/** The service's message without its RequestId and Time lines; an answer in HTML is cut short. */
function firstLine(text: string): string {
  const line = text.split('\n', 1)[0]?.trim().replace(/\.$/, '') ?? '';
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
