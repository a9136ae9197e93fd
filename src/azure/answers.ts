// What each answer means, for every operation and status: success, transient (and for how long), or permanent.
// Sources: REST, "Blob service error codes" and "Common REST API error codes"; RFC 9110 and 6585 for answers from anything else.
import type { RetryLimit } from '../errors.ts';
import { CERTIFICATE_ERROR } from './network/certificate-advice.ts';
import type { Operation } from './operations.ts';

/** What a permanent failure is about. It decides the exit code. */
export type Blame = 'credential' | 'destination' | 'service';

export type Outcome =
  | { readonly is: 'success' }
  /** The requested resource does not exist, and the caller expects that case. */
  | { readonly is: 'absent' }
  /** The same request may succeed later. Without a limit, only `giveUpAfterMs` stops the retries. */
  | { readonly is: 'transient'; readonly limit?: RetryLimit; readonly blame?: Blame }
  /** Retrying cannot help. */
  | { readonly is: 'permanent'; readonly blame: Blame };

const SUCCESS: Outcome = { is: 'success' };
const ABSENT: Outcome = { is: 'absent' };
const TRANSIENT: Outcome = { is: 'transient' };
const CREDENTIAL: Outcome = { is: 'permanent', blame: 'credential' };
const DESTINATION: Outcome = { is: 'permanent', blame: 'destination' };
const PERMANENT: Outcome = { is: 'permanent', blame: 'service' };

/** With the delays between attempts, these take about 8 seconds, 2 minutes and 6 minutes: `Retry-After` does not lengthen them. */
const AT_MOST_5: Outcome = { is: 'transient', limit: { tries: 5 } };
const AT_MOST_10: Outcome = { is: 'transient', limit: { tries: 10 } };
const AT_MOST_20: Outcome = { is: 'transient', limit: { tries: 20 } };
/** The name of a deleted container is free after 30 seconds at the earliest. Source: REST, Delete Container. */
const SOME_MINUTES: Outcome = { is: 'transient', limit: { ms: 2 * 60_000 }, blame: 'destination' };

interface Row {
  readonly on: 'any' | readonly Operation[];
  /** "404", or "4xx". */
  readonly status: readonly string[];
  /** `x-ms-error-code`; "HTTP 404" if the answer has none. */
  readonly code: 'any' | readonly string[];
  readonly outcome: Outcome;
}

function row(on: Row['on'], status: string, code: Row['code'], outcome: Outcome): Row {
  return { on, status: status.split(' '), code, outcome };
}

/** Answers to Put Blob with an access tier. */
const TIER_REFUSALS = [
  'AccessTierNotSupportedForBlobType',
  'BlobAccessTierNotSupportedForAccountType',
  'BlobTierInadequateForContentLength',
  'UnsupportedHeader',
];

/** Answers from the service. The first row that matches decides; the last row matches everything. */
const FROM_SERVICE: readonly Row[] = [
  row(['Create Container'], '409', ['ContainerAlreadyExists'], SUCCESS),
  // There are no snapshots.
  row(['Delete Snapshots'], '404', ['BlobNotFound', 'ResourceNotFound'], SUCCESS),
  row(['Get Container Properties'], '404', ['ContainerNotFound', 'ResourceNotFound', 'HTTP 404'], ABSENT),
  row(
    ['Get Blob Properties', 'Delete Blob'],
    '404',
    ['BlobNotFound', 'ContainerNotFound', 'ResourceNotFound', 'HTTP 404'],
    ABSENT,
  ),
  // A success that cannot be read: truncated, garbled, or without a required header.
  row('any', '2xx', 'any', AT_MOST_10),
  // Bytes damaged in transit. The retrier counts these itself.
  row('any', '400', ['Md5Mismatch', 'Crc64Mismatch'], TRANSIENT),
  row('any', '409', ['ContainerBeingDeleted'], SOME_MINUTES),
  row('any', '403 409', ['AccountBeingCreated'], SOME_MINUTES),
  // What the account does not have: public access, or the tier of the blob.
  row(['Create Container'], '400', ['UnsupportedHeader', 'InvalidResourceName'], DESTINATION),
  row(['Put Blob'], '400', TIER_REFUSALS, DESTINATION),
  // Emulators answer unsupported operations with these codes.
  row('any', '500 503', ['FeatureNotSupported', 'NotImplemented'], PERMANENT),
  row('any', '408 429 500 502 503 504', 'any', TRANSIENT),
  row('any', '401 403', 'any', CREDENTIAL),
  row('any', '404 409 412', 'any', DESTINATION),
  // 3xx, 400, 405, 410, 411, 413, 414, 415, 416, 431, 501, 505, 507, ...
  row('any', 'xxx', 'any', PERMANENT),
];

/** Answers from anything else: a proxy, a gateway, a sign-in page, or a host that is not the service. */
const FROM_OTHERS: readonly Row[] = [
  // Smaller requests may succeed: see remote/sized-writes.ts.
  row(['Put Page'], '413', 'any', PERMANENT),
  row('any', '407', 'any', AT_MOST_5),
  row('any', '408 425 429 500 502 503 504', 'any', TRANSIENT),
  // Sign-in pages, which disappear once somebody signs in.
  row('any', '2xx 511', 'any', AT_MOST_20),
  // 3xx (never followed: a redirect would send the credential to another host), 401, 403, 404, 413, 501, ...
  row('any', 'xxx', 'any', AT_MOST_10),
];

/** Failures without an answer, by error code. */
const WITHOUT_ANSWER: readonly (readonly [RegExp, Outcome])[] = [
  [/^EPROXY(?:AUTH|SCHEME)$/, AT_MOST_5],
  [/^EPROXYREFUSED$/, AT_MOST_10],
  // The answer is not HTTP.
  [/^HPE_/, AT_MOST_20],
  // A sign-in page behind the address of the service, or a proxy that inspects connections.
  [CERTIFICATE_ERROR, AT_MOST_20],
  [/^/, TRANSIENT],
];

/** @param code - `x-ms-error-code`; "HTTP 404" if the answer has none. */
export function outcomeOf(operation: Operation, status: number, code: string): Outcome {
  return find(FROM_SERVICE, operation, status, code);
}

/**
 * For an answer that does not come from the service.
 * @param operation - Undefined for a request to another service than Azure Storage.
 */
export function foreignOutcomeOf(operation: Operation | undefined, status: number): Outcome {
  return find(FROM_OTHERS, operation, status, '');
}

/** @param code - ECONNRESET, ... */
export function networkOutcomeOf(code: string): Outcome {
  return WITHOUT_ANSWER.find(([pattern]) => pattern.test(code))?.[1] ?? TRANSIENT;
}

function find(rows: readonly Row[], operation: Operation | undefined, status: number, code: string): Outcome {
  const found = rows.find(
    (row) =>
      (row.on === 'any' || (operation !== undefined && row.on.includes(operation))) &&
      row.status.some((pattern) => matches(pattern, status)) &&
      (row.code === 'any' || row.code.includes(code)),
  );
  return found?.outcome ?? PERMANENT;
}

function matches(pattern: string, status: number): boolean {
  return pattern === 'xxx' || pattern === String(status) || pattern === `${Math.floor(status / 100)}xx`;
}
