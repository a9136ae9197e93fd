// What the endpoint of a managed disk never accepts. AzCopy calls it a restricted API surface; what is unknown counts as forbidden.

import { ServiceError } from '../page-blob-server/error.ts';
import type { Operation, ServiceRequest } from '../page-blob-server/request.ts';

const OPERATIONS: ReadonlySet<Operation> = new Set([
  'GetBlob',
  'GetBlobProperties',
  'GetPageRanges',
  'PutPage',
  'ClearPages',
]);

/** Every other header of the service is refused. */
const HEADERS: ReadonlySet<string> = new Set([
  'x-ms-version',
  'x-ms-date',
  'x-ms-client-request-id',
  'x-ms-range',
  'x-ms-page-write',
  'x-ms-content-crc64',
  'x-ms-range-get-content-crc64',
  'x-ms-range-get-content-md5',
]);

const QUERY: ReadonlySet<string> = new Set([
  ...['sv', 'sr', 'si', 'sk', 'st', 'se', 'sp', 'sig'],
  ...['comp', 'timeout', 'marker', 'maxresults'],
]);

/** A refusal that no correct client ever causes. */
export class Violation extends ServiceError {}

/** Throws if a request is of a kind that the endpoint never accepts. */
export function checkRestrictions(request: ServiceRequest, allowsClear: boolean): void {
  const { method, operation } = request;
  if (!OPERATIONS.has(operation) || (operation === 'ClearPages' && !allowsClear)) {
    const what = operation === 'Unsupported' ? `${method} ${request.query.get('comp') ?? ''}`.trim() : operation;
    throw new Violation(403, 'AuthorizationFailure', `${what} is not allowed on a managed disk.`);
  }
  for (const name of request.query.keys()) {
    if (!QUERY.has(name)) {
      throw new Violation(403, 'AuthorizationFailure', `The parameter ${name} is not allowed on a managed disk.`);
    }
  }
  for (const name of request.headers.keys()) {
    if (isForbidden(name)) {
      const code = name.startsWith('if-') ? 'ConditionHeadersNotSupported' : 'UnsupportedHeader';
      throw new Violation(400, code, `The header ${name} is not supported on a managed disk.`, {
        details: { HeaderName: name },
      });
    }
  }
}

function isForbidden(header: string): boolean {
  return header.startsWith('if-') || (header.startsWith('x-ms-') && !HEADERS.has(header));
}
