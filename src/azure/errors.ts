// Turns what the SDK throws into errors of our own: what failed, whether to try again, what to do. Nothing of the request,
// which holds the SAS and the Authorization header, is kept.

import { printable } from '../base/printable.ts';
import { redact } from '../base/redact.ts';
import { CredentialError, DestinationError, type RequestFailure, ServiceError, VhdupError } from '../errors.ts';
import { foreignOutcomeOf, networkOutcomeOf, type Outcome, outcomeOf } from './answers.ts';
import { explainRefusal } from './auth/auth-failure.ts';
import { isSignInError, signInError } from './auth/sign-in-error.ts';
import { certificateAdvice } from './network/certificate-advice.ts';
import type { Operation } from './operations.ts';

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

/** The request that an answer or a failure belongs to. */
export interface SentRequest {
  readonly operation: Operation;
  /** With its range: "Put Page 0+4194304". */
  readonly what: string;
  readonly signedWith?: SignedWith;
  /** Where a proxy is on the way: "proxy.corp:8080, which HTTPS_PROXY names". */
  readonly proxy?: string | undefined;
}

const CHECKSUM_MISMATCHES = new Set(['Md5Mismatch', 'Crc64Mismatch']);
/** Network errors that hint at a wrong address rather than at a bad connection. */
const SUSPECT_ADDRESS = /^(?:ENOTFOUND|EPROTO|EPROXY|ERR_TLS_|ERR_SSL_)/;

/** What to do about an answer of the service that no retry can change, by its `x-ms-error-code`. */
const ADVICE = new Map(
  Object.entries({
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
  }),
);

/** What to do about an answer that is not the service's, by its status. */
const FOREIGN_ADVICE: Readonly<Record<number, string>> = {
  407: 'The proxy asks for a user and a password: give them in its URL, as in HTTPS_PROXY=http://user:password@proxy.example.com:8080.',
  413: 'It takes no request of this size.',
};

/**
 * @returns an error to throw; `error` itself where it is not about a request (an abort, a bug).
 */
export function toServiceError(request: SentRequest, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof VhdupError || error.name === 'AbortError') return error;
  // Node refuses an argument with these; they have a code too, but are bugs and not failures of the network.
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const restError: RestErrorLike = error;
  if (isSignInError(error)) return signInError(error);
  const status = restError.response?.status ?? restError.statusCode;
  if (status !== undefined && restError.response !== undefined) return answerError(request, restError, status);
  if (restError.name === 'RestError' || restError.code !== undefined) return networkError(request, restError);
  return error;
}

function networkError(
  { what, proxy }: SentRequest,
  { code: rawCode = 'no answer', message = '' }: RestErrorLike,
): ServiceError {
  const code = printable(rawCode);
  const cause = firstLine(redact(message));
  // A tunnel that could not be opened names the proxy by itself.
  const via = proxy === undefined || cause.includes('_PROXY') ? '' : ` The request went through the proxy ${proxy}.`;
  const text = `${what} failed: ${cause} (${code}).${via}`;
  // A sign-in page may stand in for the service for a while, but not before it has ever been there.
  const advice = certificateAdvice(code);
  if (advice !== undefined) {
    return new ServiceError(`${text} ${advice}`, { reason: code, transient: true, needsContact: true });
  }
  return new ServiceError(text, {
    reason: code,
    suspectAddress: SUSPECT_ADDRESS.test(code),
    ...retrying(networkOutcomeOf(code)),
  });
}

function answerError(request: SentRequest, error: RestErrorLike, status: number): Error {
  const { operation, what } = request;
  const header = (name: string) => error.response?.headers.get(name);
  if (header('x-ms-request-id') === undefined) {
    return foreignAnswer(request, status, header('content-type'), header('retry-after'));
  }
  const requestId = printable(header('x-ms-request-id') ?? '');
  const code = header('x-ms-error-code') ?? (isParseError(error) ? undefined : error.code);
  const reason = printable(code ?? `HTTP ${status}`);
  // The answer to a HEAD has no body, and so no message.
  const message = firstLine(redact(error.message ?? ''));
  const text = `${what} failed: ${status} ${reason}${message === '' ? '' : `, ${message}`} (request id ${requestId})`;
  const advice = ADVICE.get(reason);
  const advised = advice === undefined ? text : `${text}. ${advice}`;
  const outcome = outcomeOf(operation, status, reason);
  if (outcome.is === 'transient') {
    const checksumMismatch = CHECKSUM_MISMATCHES.has(reason);
    return new ServiceError(advised, {
      status,
      reason,
      requestId,
      checksumMismatch,
      ...retrying(outcome),
      ...retryAfter(header('retry-after')),
    });
  }
  if (reason === 'AuthenticationFailed') return authenticationError(request, error, text, requestId);
  const blame = outcome.is === 'permanent' ? outcome.blame : 'destination';
  if (blame === 'credential') return new CredentialError(advised);
  if (blame === 'destination') return new DestinationError(advised, { reason });
  return new ServiceError(advised, { status, reason, requestId, transient: false });
}

function authenticationError(
  { what, signedWith }: SentRequest,
  { details, response }: RestErrorLike,
  text: string,
  requestId: string,
): CredentialError {
  const { isExpired, explanation } = explainRefusal({
    sas: signedWith?.sas,
    wasAccepted: signedWith?.wasAccepted === true,
    detail: detailOf(details),
    serviceTime: timeOf(response?.headers.get('date')),
  });
  // The service's own words speak of a header where the SAS is what is wrong.
  const known = `${what} failed: ${response?.status} AuthenticationFailed (request id ${requestId}). ${explanation}`;
  const unknown = `${text}. ${ADVICE.get('AuthenticationFailed')}`;
  return new CredentialError(explanation === undefined ? unknown : known, { isExpired });
}

/** The code of an answer whose body could not be read is the parser's. */
function isParseError({ code }: RestErrorLike): boolean {
  return code === 'PARSE_ERROR' || code === 'InvalidXml' || code === '';
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
  { operation, what, proxy }: SentRequest,
  status: number,
  contentType = 'unknown type',
  retryAfterHeader?: string,
): ServiceError {
  const from = proxy === undefined ? '' : ` The request went through the proxy ${proxy}.`;
  const advice = FOREIGN_ADVICE[status] === undefined ? '' : ` ${FOREIGN_ADVICE[status]}`;
  return new ServiceError(
    `${what} failed: the answer (status ${status}, ${firstLine(contentType)}) did not come from Azure Storage but from something on the way, a proxy or a sign-in page perhaps.${from}${advice}`,
    {
      status,
      reason: `HTTP ${status}`,
      suspectAddress: true,
      ...retrying(foreignOutcomeOf(operation, status)),
      ...retryAfter(retryAfterHeader),
    },
  );
}

/** An answer that says success but lacks something, contradicts itself or cannot be read. */
export function unusableAnswer(
  { operation, what }: SentRequest,
  problem: string,
  requestId: string | undefined,
): ServiceError {
  const text = `${what} failed: ${problem}`;
  const failure = { reason: 'UnusableAnswer', ...retrying(outcomeOf(operation, 200, 'HTTP 200')) };
  if (requestId === undefined) return new ServiceError(`${text}.`, failure);
  const id = printable(requestId);
  return new ServiceError(`${text} (request id ${id}).`, { ...failure, requestId: id });
}

function retrying(outcome: Outcome): Pick<RequestFailure, 'transient' | 'limit' | 'isDestination'> {
  if (outcome.is !== 'transient') return { transient: false };
  const { limit, blame } = outcome;
  return {
    transient: true,
    ...(limit === undefined ? {} : { limit }),
    ...(blame === 'destination' ? { isDestination: true } : {}),
  };
}

function retryAfter(header: string | undefined): { retryAfterMs?: number } {
  if (header === undefined) return {};
  const seconds = Number(header);
  const milliseconds = Number.isNaN(seconds) ? new Date(header).getTime() - Date.now() : seconds * 1000;
  return Number.isNaN(milliseconds) ? {} : { retryAfterMs: Math.max(0, milliseconds) };
}

/** The service's message without its RequestId and Time lines; an answer in HTML is cut short. Safe to print. */
function firstLine(text: string): string {
  const line = printable(text.split('\n', 1)[0]?.trim().replace(/\.$/, '') ?? '');
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
