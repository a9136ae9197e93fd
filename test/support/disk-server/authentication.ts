// Who may use the disk server: the SAS that was granted, the network policy, and for some disks a token besides.

import { TENANT, type TokenIssuer } from '../entra/token-issuer.ts';
import { blobNotFound, permissionMismatch, ServiceError } from '../page-blob-server/error.ts';
import type { ServiceRequest } from '../page-blob-server/request.ts';
import type { DiskBehaviour } from './behaviour.ts';
import { BLOB, type DiskAccess, type DiskBlob } from './disk-blob.ts';
import { Violation } from './restrictions.ts';

const SAS_PARAMETERS: ReadonlySet<string> = new Set(['sv', 'sr', 'si', 'sk', 'st', 'se', 'sp', 'sig']);

/** The access whose SAS a request has. @param disk - The one that the path names. @throws ServiceError 403 or 404. */
export function accessOf(
  request: ServiceRequest,
  disk: DiskBlob | undefined,
  behaviour: DiskBehaviour,
  now: Date,
): { readonly disk: DiskBlob; readonly access: DiskAccess } {
  const given = Object.fromEntries([...request.query].filter(([name]) => SAS_PARAMETERS.has(name)));
  const access = disk?.accesses.find((one) => isSame(one.parameters(behaviour.sasForm), given));
  if (disk === undefined) throw request.query.has('sig') ? blobNotFound() : notAuthenticated();
  if (access === undefined || request.account !== access.account || request.blob !== BLOB) throw notAuthenticated();
  if (access.hasEnded) throw behaviour.endedAccessStatus === 404 ? blobNotFound() : notAuthenticated();
  if (access.expiresAt <= now) {
    throw notAuthenticated(behaviour.explainsExpiry ? timeFrame(access, now) : undefined);
  }
  // The text with which the service refuses a disk behind a private endpoint (azure-storage-azcopy issue 2667).
  if (!disk.isReachable)
    throw notAuthenticated('The specified signed resource is not allowed for the this resource level');
  return { disk, access };
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.keys(a).every((name) => a[name] === b[name]);
}

function timeFrame({ grantedAt, expiresAt }: DiskAccess, now: Date): string {
  const [start, expiry, current] = [grantedAt, expiresAt, now].map((time) => time.toUTCString());
  return `Signature not valid in the specified time frame: Start [${start}] - Expiry [${expiry}] - Current [${current}]`;
}

function notAuthenticated(detail?: string): ServiceError {
  return new ServiceError(
    403,
    'AuthenticationFailed',
    'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
    detail === undefined ? {} : { details: { AuthenticationErrorDetail: detail } },
  );
}

/** Throws 401 or 403 unless the request has the token that its disk needs, and none that it does not need. */
export function checkToken(
  request: ServiceRequest,
  disk: DiskBlob,
  issuer: TokenIssuer,
  audience: string,
  behaviour: DiskBehaviour,
): void {
  const authorization = request.headers.get('authorization');
  if (!disk.needsToken) {
    if (authorization === undefined) return;
    throw new Violation(400, 'InvalidAuthenticationInfo', 'A token was sent to a disk that needs none.');
  }
  const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1];
  if (token === undefined) throw challenge('NoAuthenticationInformation', behaviour.challengeStatus, audience);
  const problem = issuer.problemWith(token, [audience]);
  if (problem === 'other audience') {
    const message = `A token for ${issuer.audienceOf(token)} was sent to a disk.`;
    throw new Violation(401, 'InvalidAuthenticationInfo', message, { headers: challengeHeader(audience) });
  }
  if (problem !== undefined) throw challenge('InvalidAuthenticationInfo', behaviour.challengeStatus, audience);
  if (!behaviour.hasDataOperatorRole) throw permissionMismatch();
}

function challenge(code: string, status: 401 | 403, audience: string): ServiceError {
  return new ServiceError(
    status,
    code,
    'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
    { headers: challengeHeader(audience) },
  );
}

/** AzCopy looks for the audience in it; the SDK reads the tenant from authorization_uri. */
function challengeHeader(audience: string): Record<string, string> {
  const uri = `https://login.microsoftonline.com/${TENANT}/oauth2/authorize`;
  return { 'www-authenticate': `Bearer authorization_uri=${uri} resource_id=${audience}` };
}
