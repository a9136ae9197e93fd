// The headers of the disk server: checksums that it takes or refuses, and what its answers show.

import { invalidHeader, ServiceError } from '../page-blob-server/error.ts';
import type { ServiceResponse } from '../page-blob-server/operation.ts';
import type { ServiceRequest } from '../page-blob-server/request.ts';
import type { DiskBehaviour } from './behaviour.ts';

/** The request without checksums that have no effect. @throws 400 for those that are refused. */
export function withoutIgnored(request: ServiceRequest, behaviour: DiskBehaviour): ServiceRequest {
  const headers = new Map(request.headers);
  const isPut = request.operation === 'PutPage';
  for (const [name, support] of [
    ['x-ms-content-crc64', behaviour.crc64],
    ['content-md5', behaviour.md5],
  ] as const) {
    if (!isPut || !headers.has(name) || support === 'checked') continue;
    if (support !== 'ignored') throw refusedHeader(support, name, headers.get(name) ?? '');
    headers.delete(name);
  }
  for (const name of ['x-ms-range-get-content-crc64', 'x-ms-range-get-content-md5']) {
    if (!headers.has(name) || behaviour.rangeChecksums === 'given') continue;
    if (behaviour.rangeChecksums !== 'omitted') throw refusedHeader('UnsupportedHeader', name, '');
    headers.delete(name);
  }
  return { ...request, headers };
}

function refusedHeader(code: 'UnsupportedHeader' | 'InvalidHeaderValue', name: string, value: string): ServiceError {
  if (code === 'InvalidHeaderValue') return invalidHeader(name, value);
  const message = 'One of the HTTP headers specified in the request is not supported.';
  return new ServiceError(400, code, message, { details: { HeaderName: name } });
}

/** The answer with the headers that the endpoint shows. Leases, metadata and sequence numbers do not exist there. */
export function shown(response: ServiceResponse, behaviour: DiskBehaviour): ServiceResponse {
  const hidden = new Set(['x-ms-blob-sequence-number', 'x-ms-lease-state', 'x-ms-lease-status']);
  if (!behaviour.etag) hidden.add('etag');
  if (!behaviour.lastModified) hidden.add('last-modified');
  if (!behaviour.checksumEcho && response.status === 201) {
    hidden.add('x-ms-content-crc64');
    hidden.add('content-md5');
  }
  const headers = Object.fromEntries(Object.entries(response.headers).filter(([name]) => !hidden.has(name)));
  return { ...response, headers };
}

export function withHeader(response: ServiceResponse, name: string, value: string): ServiceResponse {
  return { ...response, headers: { ...response.headers, [name]: value } };
}
