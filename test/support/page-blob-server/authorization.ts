// Authorization of the page-blob test server: Shared Key, account and service SAS, and bearer tokens, as described in "Authorize requests to Azure Storage".

import { createHmac } from 'node:crypto';
import { authenticationFailed, permissionMismatch, ServiceError } from './error.ts';
import type { Operation, ServiceRequest } from './request.ts';

const CLOCK_SKEW_MS = 15 * 60_000;

/** A stored access policy of a container, to which the `si` of a SAS refers. It is stored in the service and not in the URL. */
export interface AccessPolicy {
  readonly permissions: string;
  readonly startsOn?: Date;
  readonly expiresOn: Date;
}

/** The credentials that the account accepts. Fields may change while the server runs. */
export interface Credentials {
  readonly account: string;
  /** In base64. */
  readonly key: string;
  /** The accepted bearer token. If undefined, all are refused. */
  bearerToken: string | undefined;
  /** Tokens that were valid before. */
  readonly expiredTokens: Set<string>;
  /** Signatures of SAS that have been used, and of those that no longer work. */
  readonly usedSignatures: Set<string>;
  readonly expiredSignatures: Set<string>;
  /** By container and id: `container/id`. */
  readonly policies: Map<string, AccessPolicy>;
}

/** The permissions of a request's credentials. The key and tokens allow everything. */
export interface Grant {
  readonly permissions: string | 'all';
}

/** The letters of `sp` of which one is needed, and the letter of `srt` in an account SAS. */
interface Requirement {
  readonly anyOf: string;
  readonly resourceType: 'c' | 'o';
  readonly accountSasOnly?: boolean;
}

/**
 * Sources: REST, "Create a service SAS" (permissions for a blob or container) and "Create an account SAS" (operations on containers
 * and blobs). Put Blob needs w if the blob exists, and t for tags, which the operation checks itself. Operations on containers are
 * for account SAS only: a service SAS cannot read or change a container.
 */
const REQUIREMENTS: Readonly<Record<Operation, Requirement>> = {
  CreateContainer: { anyOf: 'cw', resourceType: 'c', accountSasOnly: true },
  GetContainerProperties: { anyOf: 'r', resourceType: 'c', accountSasOnly: true },
  DeleteContainer: { anyOf: 'd', resourceType: 'c', accountSasOnly: true },
  PutBlob: { anyOf: 'cw', resourceType: 'o' },
  CopyBlob: { anyOf: 'cw', resourceType: 'o' },
  GetBlob: { anyOf: 'r', resourceType: 'o' },
  GetBlobProperties: { anyOf: 'r', resourceType: 'o' },
  GetBlobMetadata: { anyOf: 'r', resourceType: 'o' },
  SetBlobMetadata: { anyOf: 'w', resourceType: 'o' },
  SetBlobProperties: { anyOf: 'w', resourceType: 'o' },
  SnapshotBlob: { anyOf: 'cw', resourceType: 'o' },
  DeleteBlob: { anyOf: 'd', resourceType: 'o' },
  PutPage: { anyOf: 'w', resourceType: 'o' },
  ClearPages: { anyOf: 'w', resourceType: 'o' },
  GetPageRanges: { anyOf: 'r', resourceType: 'o' },
  AcquireLease: { anyOf: 'w', resourceType: 'o' },
  RenewLease: { anyOf: 'w', resourceType: 'o' },
  ChangeLease: { anyOf: 'w', resourceType: 'o' },
  ReleaseLease: { anyOf: 'w', resourceType: 'o' },
  BreakLease: { anyOf: 'wd', resourceType: 'o' },
  Unsupported: { anyOf: 'w', resourceType: 'o' },
};

const CONTAINER_AND_BLOB_LETTERS = 'racwdxyltmeopif';

/** Throws 401 or 403 unless the request has valid credentials that allow its operation. */
export function authorize(request: ServiceRequest, credentials: Credentials, now: number): Grant {
  if (request.account !== credentials.account) {
    throw new ServiceError(400, 'InvalidUri', `The requested URI does not represent any resource on the server.`);
  }
  const authorization = request.headers.get('authorization');
  if (authorization?.startsWith('SharedKey ')) return sharedKey(request, authorization, credentials, now);
  if (authorization?.startsWith('Bearer ')) return bearer(request, authorization.slice('Bearer '.length), credentials);
  if (authorization !== undefined) {
    throw new ServiceError(
      400,
      'InvalidAuthenticationInfo',
      'Authentication information is not given in the correct format. Check the value of Authorization header.',
    );
  }
  if (request.query.has('sig')) return sharedAccessSignature(request, credentials, now);
  throw challenge(
    'NoAuthenticationInformation',
    'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
  );
}

function challenge(code: string, message: string, detail?: string): ServiceError {
  return new ServiceError(401, code, message, {
    ...(detail !== undefined && { details: { AuthenticationErrorDetail: detail } }),
    headers: {
      'www-authenticate':
        'Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/authorize resource_id=https://storage.azure.com',
    },
  });
}

function bearer(request: ServiceRequest, token: string, credentials: Credentials): Grant {
  if (!request.secure) throw authenticationFailed('Authentication scheme Bearer is not supported over HTTP.');
  const message =
    'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.';
  if (credentials.expiredTokens.has(token)) {
    throw challenge('InvalidAuthenticationInfo', message, 'Lifetime validation failed. The token is expired.');
  }
  if (token !== credentials.bearerToken) {
    throw challenge('InvalidAuthenticationInfo', message, 'Signature validation failed. The token is not known.');
  }
  return { permissions: 'all' };
}

function sharedKey(request: ServiceRequest, authorization: string, credentials: Credentials, now: number): Grant {
  const date = request.headers.get('x-ms-date') ?? request.headers.get('date');
  const time = Date.parse(date ?? '');
  if (Number.isNaN(time)) throw authenticationFailed('The Date header in the request is missing or not a date.');
  if (Math.abs(time - now) > CLOCK_SKEW_MS) {
    throw authenticationFailed(`The Date header in the request is incorrect: ${date}.`);
  }
  const accepted = HEADER_ORDERS.some((order) => {
    const signature = hmac(credentials.key, sharedKeyStringToSign(request, credentials.account, order));
    return authorization === `SharedKey ${credentials.account}:${signature}`;
  });
  if (!accepted) {
    throw authenticationFailed('The signature of the request is not one that the key of the account gives.');
  }
  return { permissions: 'all' };
}

type Order = (a: string, b: string) => number;

const IN_CULTURE = new Intl.Collator('en', { ignorePunctuation: true });

// The documentation asks for "lexicographical order"; the service and the SDKs sort by culture, which differs for names with punctuation.
const HEADER_ORDERS: readonly Order[] = [
  (a, b) => (a < b ? -1 : 1),
  (a, b) => IN_CULTURE.compare(a, b) || (a < b ? -1 : 1),
  (a, b) => a.localeCompare(b, 'en'),
];

function sharedKeyStringToSign(request: ServiceRequest, account: string, order: Order): string {
  const signed = (name: string) => request.headers.get(name) ?? '';
  const length = signed('content-length');
  const standard = [
    request.method,
    signed('content-encoding'),
    signed('content-language'),
    length === '0' ? '' : length,
    signed('content-md5'),
    signed('content-type'),
    request.headers.has('x-ms-date') ? '' : signed('date'),
    signed('if-modified-since'),
    signed('if-match'),
    signed('if-none-match'),
    signed('if-unmodified-since'),
    signed('range'),
  ];
  const headers = [...request.headers]
    .filter(([name]) => name.startsWith('x-ms-'))
    .sort(([a], [b]) => order(a, b))
    .map(([name, value]) => `${name}:${value.trim()}\n`)
    .join('');
  const query = [...request.query]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `\n${name}:${value}`)
    .join('');
  return `${standard.join('\n')}\n${headers}/${account}${request.rawPath}${query}`;
}

function sharedAccessSignature(request: ServiceRequest, credentials: Credentials, now: number): Grant {
  const query = (name: string) => request.query.get(name) ?? '';
  const isAccountSas = request.query.has('ss');
  const stringToSign = isAccountSas
    ? accountSasStringToSign(query, credentials.account)
    : serviceSasStringToSign(query, request, credentials.account);
  const signature = hmac(credentials.key, stringToSign);
  if (signature !== query('sig')) {
    throw authenticationFailed(`Signature did not match. String to sign used was ${stringToSign}`);
  }
  if (credentials.expiredSignatures.has(signature)) {
    throw authenticationFailed('Signature not valid in the specified time frame: the signature has expired.');
  }
  credentials.usedSignatures.add(signature);
  const policy = policyOf(request, credentials);
  checkTimes(query, policy, now);
  checkOrigin(query, request);
  const permissions = policy?.permissions ?? query('sp');
  const requirement = REQUIREMENTS[request.operation];
  if (isAccountSas) {
    if (!query('ss').includes('b')) throw forbidden('AuthorizationServiceMismatch', 'service');
    if (!query('srt').includes(requirement.resourceType)) {
      throw forbidden('AuthorizationResourceTypeMismatch', 'resource type');
    }
  } else {
    if (requirement.accountSasOnly) throw forbidden('AuthorizationFailure', 'signature');
    checkLetterOrder(permissions);
  }
  if (![...requirement.anyOf].some((letter) => permissions.includes(letter))) throw permissionMismatch();
  return { permissions };
}

function forbidden(code: string, what: string): ServiceError {
  return new ServiceError(403, code, `This request is not authorized to perform this operation using this ${what}.`);
}

function policyOf(request: ServiceRequest, credentials: Credentials): AccessPolicy | undefined {
  const id = request.query.get('si');
  if (id === undefined) return undefined;
  const policy = credentials.policies.get(`${request.container}/${id}`);
  if (policy === undefined) throw authenticationFailed(`The stored access policy ${id} does not exist.`);
  return policy;
}

function checkTimes(query: (name: string) => string, policy: AccessPolicy | undefined, now: number): void {
  const start = query('st') === '' ? policy?.startsOn?.getTime() : sasTime('st', query('st'));
  const expiry = policy?.expiresOn.getTime() ?? sasTime('se', query('se'));
  if ((start !== undefined && now < start) || now >= expiry) {
    throw authenticationFailed(
      `Signature not valid in the specified time frame: Start [${describeTime(start)}] - Expiry [${describeTime(expiry)}] - Current [${describeTime(now)}]`,
    );
  }
}

function describeTime(time: number | undefined): string {
  return time === undefined ? '' : new Date(time).toUTCString();
}

function sasTime(name: string, value: string): number {
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,7})?)?Z)?$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw authenticationFailed(`${name} is mandatory and must be an ISO 8601 UTC time.`);
  return time;
}

function checkOrigin(query: (name: string) => string, request: ServiceRequest): void {
  if (query('spr') === 'https' && !request.secure) throw forbidden('AuthorizationProtocolMismatch', 'protocol');
  const [first, last = first] = query('sip').split('-');
  if (
    first !== undefined &&
    first !== '' &&
    !(first <= request.remoteAddress && request.remoteAddress <= (last ?? first))
  ) {
    throw forbidden('AuthorizationSourceIPMismatch', 'source IP');
  }
}

// "The permission letters must be in order", each at most once ("Create a service SAS").
function checkLetterOrder(permissions: string): void {
  const positions = [...permissions].map((letter) => CONTAINER_AND_BLOB_LETTERS.indexOf(letter));
  if (positions.some((position, i) => position < 0 || position <= (positions[i - 1] ?? -1))) {
    throw authenticationFailed(`sp is mandatory and must hold permission letters in order. Found ${permissions}`);
  }
}

function accountSasStringToSign(query: (name: string) => string, account: string): string {
  const fields = ['sp', 'ss', 'srt', 'st', 'se', 'sip', 'spr', 'sv'].map(query);
  if (query('sv') >= '2020-12-06') fields.push(query('ses'));
  return `${[account, ...fields].join('\n')}\n`;
}

function serviceSasStringToSign(query: (name: string) => string, request: ServiceRequest, account: string): string {
  const version = query('sv');
  const resource = query('sr');
  if (resource !== 'b' && resource !== 'c' && resource !== 'bs') {
    throw authenticationFailed('sr is mandatory. Cannot be empty');
  }
  const name = `/blob/${account}/${request.container}${resource === 'c' ? '' : `/${request.blob}`}`;
  const fields = [query('sp'), query('st'), query('se'), name, query('si'), query('sip'), query('spr'), version];
  // A SAS with sr=bs is for one snapshot, whose time is signed.
  if (version >= '2018-11-09') fields.push(resource, resource === 'bs' ? query('snapshot') : '');
  if (version >= '2020-12-06') fields.push(query('ses'));
  fields.push(...['rscc', 'rscd', 'rsce', 'rscl', 'rsct'].map(query));
  return fields.join('\n');
}

function hmac(key: string, stringToSign: string): string {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(stringToSign, 'utf8').digest('base64');
}
