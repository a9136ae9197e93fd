// Converts what the SDK throws to a VhdupError: what failed, whether to retry, what to do next. Keeps nothing of the request,
// which contains the SAS and the Authorization header.

import { printable } from '../base/printable.ts';
import { redact } from '../base/redact.ts';
import { CredentialError, DestinationError, type RequestFailure, ServiceError, VhdupError } from '../errors.ts';
import { foreignOutcomeOf, networkOutcomeOf, type Outcome, outcomeOf } from './answers.ts';
import { explainAuthFailure } from './auth/auth-failure.ts';
import { isSignInError, signInError } from './auth/sign-in-error.ts';
import { certificateAdvice } from './network/certificate-advice.ts';
import { scriptAdvice } from './network/proxy.ts';
import { foreignSchemeAdvice, foreignSchemes, PROXY_PASSWORD } from './network/proxy-authentication.ts';
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
  /** Undefined for any other credential. */
  readonly sas: string | undefined;
  /** Whether the service has accepted the same credential before. */
  readonly wasAccepted: boolean;
}

/** How messages name a request. */
export interface NamedRequest {
  /** The operation and its range: "Put Page 0+4194304". */
  readonly what: string;
  /** The proxy in use, if any: "proxy.corp:8080 (set in HTTPS_PROXY)". */
  readonly proxy?: string | undefined;
}

/** The request that got the answer or failed. */
export interface SentRequest extends NamedRequest {
  readonly operation: Operation;
  readonly signedWith?: SignedWith;
  /** The next step by `x-ms-error-code`, where it differs from that for a blob. */
  readonly advice?: ReadonlyMap<string, string>;
}

/** An answer that does not come from the service. */
export interface ForeignAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  /** The header `Retry-After`. */
  readonly retryAfter: string | undefined;
  /** The header `Proxy-Authenticate`. */
  readonly proxyAuthenticate?: string | undefined;
}

const CHECKSUM_MISMATCHES = new Set(['Md5Mismatch', 'Crc64Mismatch']);
/** Network errors that suggest a wrong address, a closed port or a firewall rather than a bad connection. */
const SUSPECT_ADDRESS =
  /^(?:ENOTFOUND|EPROTO|EPROXY|ERR_TLS_|ERR_SSL_|HPE_|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)/;

/** The code of a tunnel whose proxy accepts only schemes that vhdup does not know. The message names them. */
const FOREIGN_SCHEME = 'EPROXYSCHEME';
const SCHEMES_IN = /and asks for (.+)$/;
/** The next step after a failure without an answer, by error code. */
const NEXT_STEP: ReadonlyMap<string, string> = new Map([['EPROXYAUTH', PROXY_PASSWORD]]);
/** Network errors of machines that reach the outside only through a proxy. */
const NO_CONNECTION =
  /^(?:ENOTFOUND|EAI_AGAIN|ECONN(?:REFUSED|RESET|ABORTED)|ETIMEDOUT|ESTALLED|EHOSTUNREACH|ENETUNREACH)$/;

/** The next step after a permanent failure, by `x-ms-error-code`. A Map: the code is foreign text and may be `constructor`. */
const ADVICE = new Map(
  Object.entries({
    AuthenticationFailed:
      'The signature is wrong or not valid at this time. Check that the SAS or key is complete and belongs to this account, and that the clock of this machine is correct.',
    AuthorizationPermissionMismatch:
      'The credential does not allow this operation. A SAS needs the permissions r and w, and t for --blob-tags; a Microsoft Entra identity needs the role Storage Blob Data Contributor.',
    AuthorizationFailure:
      'The network rules of the account (firewall, private endpoint) or its policies deny access from this machine.',
    AuthorizationResourceTypeMismatch:
      'The SAS is not for this kind of resource. An account SAS needs the resource types c and o.',
    AuthorizationServiceMismatch:
      'The SAS is for another service than blobs. An account SAS needs the service b (ss=b).',
    AuthorizationProtocolMismatch: 'The SAS allows only https (spr=https). Use https:// in the destination.',
    AuthorizationSourceIPMismatch:
      'The SAS allows only other addresses than that of this machine (sip). Run vhdup there, or create a SAS without sip.',
    UnauthorizedBlobOverwrite: 'The SAS may create blobs, but not replace them. Use a SAS with the permission w.',
    AccountRequiresHttps: 'The account accepts only https. Use https:// in the destination.',
    InsufficientAccountPermissions:
      'The account allows only reading at present. A secondary endpoint (-secondary) is always read-only: name the primary one.',
    BlobImmutableDueToPolicy:
      'An immutability policy or a legal hold of the container or the account protects the blob. Choose another name or another container.',
    KeyBasedAuthenticationNotPermitted:
      'The account does not accept account keys. Sign in with Microsoft Entra (az login or Connect-AzAccount), or use a user delegation SAS.',
    PublicAccessNotPermitted:
      'No credential was sent. Pass a SAS or a key, or sign in with az login or Connect-AzAccount.',
    NoAuthenticationInformation:
      'No credential was sent. Pass a SAS or a key, or sign in with az login or Connect-AzAccount.',
    ContainerNotFound:
      'The container does not exist. Check its name, or let an upload create it: with --create-container, or with add-azurevhd or add-azvhd.',
    BlobNotFound: 'The blob does not exist, or it was deleted.',
    ResourceNotFound: 'The container or blob does not exist.',
    InvalidBlobType: 'The existing blob is not a page blob. Delete it, or choose another name.',
    SnapshotsPresent:
      'The blob has snapshots, and the service refuses the operation while there are any. Add --overwrite --delete-snapshots to delete them, or choose another name.',
    LeaseIdMissing: 'Another program holds a lease on the blob.',
    LeaseIdMismatchWithBlobOperation: 'Another program holds a lease on the blob.',
    ConditionNotMet: 'Another program modified the blob in the meantime.',
    SequenceNumberConditionNotMet: 'Another program replaced the blob during the upload.',
    FeatureNotSupportedByAccount:
      'The account does not support page blobs: accounts with a hierarchical namespace have none. Use another account.',
    PendingCopyOperation:
      'A copy to the blob is pending. Wait until it has ended, or cancel it (az storage blob copy cancel).',
    CannotVerifyCopySource:
      'The service cannot read the blob to copy. Check that its URL has a SAS with the permission r that has not expired, and that the network rules of its account allow access.',
    CopyAcrossAccountsNotSupported: 'The account cannot copy from other accounts.',
    SourceConditionNotMet: 'The blob to copy was modified in the meantime. Run the same command again.',
    TargetConditionNotMet: 'Another program created or modified the blob in the meantime.',
    AccountIsDisabled: 'The storage account is disabled.',
    ContainerBeingDeleted: 'The container is being deleted. Wait a few minutes, or choose another container.',
  }),
);

const NO_TIER =
  'Only premium accounts for page blobs have tiers. Omit --page-blob-tier, or use a premium account (az storage account create --sku Premium_LRS).';

const TIER_ADVICE: ReadonlyMap<string, string> = new Map([
  ['AccessTierNotSupportedForBlobType', NO_TIER],
  ['BlobAccessTierNotSupportedForAccountType', NO_TIER],
  ['UnsupportedHeader', NO_TIER],
  [
    'BlobTierInadequateForContentLength',
    'The disk is larger than a blob of this tier can be. Give a larger --page-blob-tier, or omit it: the service then chooses the tier by the size.',
  ],
]);

/** The next step after a permanent failure of one operation, where it differs from that of the others. */
const ADVICE_ON: Partial<Readonly<Record<Operation, ReadonlyMap<string, string>>>> = {
  'Create Container': new Map([
    [
      'PublicAccessNotPermitted',
      'The account forbids public access to its containers (allowBlobPublicAccess is false). Omit --public-access. The Marketplace also accepts a SAS: vhdup sas <container URL> --for marketplace. To allow public access, run az storage account update --name ACCOUNT --allow-blob-public-access true.',
    ],
    [
      'UnsupportedHeader',
      'Premium accounts for page blobs have no public access. Omit --public-access, and pass on a SAS instead: vhdup sas <container URL> --for marketplace.',
    ],
    [
      'InvalidResourceName',
      'The service creates no container of this name. The container $web is created with the static website of the account: az storage blob service-properties update --account-name ACCOUNT --static-website.',
    ],
  ]),
  'Put Blob': TIER_ADVICE,
  'Copy Blob': TIER_ADVICE,
  'Delete Blob': new Map([
    [
      'SnapshotsPresent',
      'The blob has snapshots, and the service does not delete it while there are any. Delete them first (az storage blob delete --delete-snapshots only), and run the same command again.',
    ],
  ]),
};

/** The next step after an answer that does not come from the service, by status. */
const FOREIGN_ADVICE: ReadonlyMap<number, string> = new Map([
  [407, PROXY_PASSWORD],
  [413, 'It does not accept requests of this size.'],
]);

/**
 * @returns the error to throw; `error` itself if it is not about a request (an abort, a bug).
 */
export function toServiceError(request: SentRequest, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof VhdupError || error.name === 'AbortError') return error;
  // Node throws these for invalid arguments. They have a code too, but they are bugs, not network failures.
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const restError: RestErrorLike = error;
  if (isSignInError(error)) return signInError(error);
  const status = restError.response?.status ?? restError.statusCode;
  if (status !== undefined && restError.response !== undefined) return answerError(request, restError, status);
  if (restError.name === 'RestError' || restError.code !== undefined) return networkError(request, restError);
  return error;
}

/** The error for a request without an answer. */
export function networkError(
  { what, proxy }: NamedRequest,
  { code: rawCode = 'no answer', message = '' }: Pick<RestErrorLike, 'code' | 'message'>,
): ServiceError {
  const code = printable(rawCode);
  const cause = firstLine(redact(message));
  // The message of a tunnel that failed to open already names the proxy.
  const via =
    proxy === undefined || cause.includes('cannot connect through the proxy')
      ? ''
      : ` The request went through the proxy ${proxy}.`;
  const schemes = code === FOREIGN_SCHEME ? SCHEMES_IN.exec(cause)?.[1] : undefined;
  const next = schemes === undefined ? NEXT_STEP.get(code) : foreignSchemeAdvice(schemes);
  const script = proxy === undefined && NO_CONNECTION.test(code) ? scriptAdvice() : undefined;
  const text = [`${what} failed: ${cause} (${code}).${via}`, next, script]
    .filter((part) => part !== undefined)
    .join(' ');
  // A sign-in page may replace the service for a while, but only after the service has answered once.
  const advice = certificateAdvice(code);
  if (advice !== undefined) {
    return new ServiceError(`${text} ${advice}`, {
      reason: code,
      needsContact: true,
      ...retrying(networkOutcomeOf(code)),
    });
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
    const answer = {
      status,
      contentType: header('content-type'),
      retryAfter: header('retry-after'),
      proxyAuthenticate: header('proxy-authenticate'),
    };
    return foreignAnswer(request, 'Azure Storage', answer, foreignOutcomeOf(operation, status));
  }
  const requestId = printable(header('x-ms-request-id') ?? '');
  const code = header('x-ms-error-code') ?? (isParseError(error) ? undefined : error.code);
  const reason = printable(code ?? `HTTP ${status}`);
  // The answer to a HEAD request has no body, and so no message.
  const message = firstLine(redact(error.message ?? ''));
  const text = `${what} failed: ${status} ${reason}${message === '' ? '' : `, ${message}`} (request id ${requestId})`;
  const advice = request.advice?.get(reason) ?? ADVICE_ON[operation]?.get(reason) ?? ADVICE.get(reason);
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
  const { isExpired, explanation } = explainAuthFailure({
    sas: signedWith?.sas,
    wasAccepted: signedWith?.wasAccepted === true,
    detail: detailOf(details),
    serviceTime: timeOf(response?.headers.get('date')),
  });
  // The service's message mentions a header even if the SAS is wrong.
  const known = `${what} failed: ${response?.status} AuthenticationFailed (request id ${requestId}). ${explanation}`;
  const unknown = `${text}. ${ADVICE.get('AuthenticationFailed')}`;
  return new CredentialError(explanation === undefined ? unknown : known, { isExpired });
}

/** If the body of an answer cannot be parsed, the error has the code of the parser. */
function isParseError({ code }: RestErrorLike): boolean {
  return code === 'PARSE_ERROR' || code === 'InvalidXml' || code === '';
}

/** The service's reason for rejecting a signature. It may quote the request. */
function detailOf(details: unknown): string {
  if (typeof details !== 'object' || details === null || !('authenticationErrorDetail' in details)) return '';
  const { authenticationErrorDetail: detail } = details;
  return typeof detail === 'string' ? detail : '';
}

function timeOf(header: string | undefined): Date | undefined {
  const time = new Date(header ?? '');
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/**
 * A proxy, a captive portal or a wrong host answered. That may be temporary; if the service has never answered, the address may be
 * wrong.
 */
export function foreignAnswer(
  { what, proxy }: NamedRequest,
  service: string,
  { status, contentType = 'unknown type', retryAfter: pause, proxyAuthenticate }: ForeignAnswer,
  outcome: Outcome,
): ServiceError {
  const from = proxy === undefined ? '' : ` The request went through the proxy ${proxy}.`;
  const schemes = status === 407 ? foreignSchemes(proxyAuthenticate) : undefined;
  const known = schemes === undefined ? FOREIGN_ADVICE.get(status) : foreignSchemeAdvice(schemes);
  const advice = known === undefined ? '' : ` ${known}`;
  return new ServiceError(
    `${what} failed: the answer (status ${status}, ${firstLine(contentType)}) did not come from ${service} but from something in between, perhaps a proxy or a sign-in page.${from}${advice}`,
    {
      status,
      reason: `HTTP ${status}`,
      suspectAddress: true,
      ...retrying(outcome),
      ...retryAfter(pause),
    },
  );
}

/** The error for an answer that reports success but is incomplete, contradictory or unreadable. */
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

/** @param header - `Retry-After`: seconds, or a date. */
export function retryAfter(header: string | undefined): { retryAfterMs?: number } {
  if (header === undefined) return {};
  const seconds = Number(header);
  const milliseconds = Number.isNaN(seconds) ? new Date(header).getTime() - Date.now() : seconds * 1000;
  return Number.isNaN(milliseconds) ? {} : { retryAfterMs: Math.max(0, milliseconds) };
}

/** The service's message without its RequestId and Time lines, at most 200 characters. Safe to print. */
function firstLine(text: string): string {
  const line = printable(text.split('\n', 1)[0]?.trim().replace(/\.$/, '') ?? '');
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
