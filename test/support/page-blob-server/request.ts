// Parses a request to the page-blob test server: account, container, blob, operation and range, from URL and headers.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { ByteRange } from '../../../src/base/byte-range.ts';
import { invalidHeader, missingHeader } from './error.ts';

/** The operations that the server supports, by their names in the REST reference; `Unsupported` for everything else. */
export type Operation =
  | 'CreateContainer'
  | 'GetContainerProperties'
  | 'DeleteContainer'
  | 'PutBlob'
  | 'CopyBlob'
  | 'GetBlob'
  | 'GetBlobProperties'
  | 'GetBlobMetadata'
  | 'SetBlobMetadata'
  | 'SetBlobProperties'
  | 'SnapshotBlob'
  | 'DeleteBlob'
  | 'PutPage'
  | 'ClearPages'
  | 'GetPageRanges'
  | 'AcquireLease'
  | 'RenewLease'
  | 'ChangeLease'
  | 'ReleaseLease'
  | 'BreakLease'
  | 'Unsupported';

/** A parsed request. Nothing in it is checked yet. */
export interface ServiceRequest {
  readonly id: string;
  readonly method: string;
  readonly operation: Operation;
  readonly account: string;
  readonly container: string;
  readonly blob: string;
  /** As on the wire, still percent-encoded: Shared Key signs this. */
  readonly rawPath: string;
  /** Names in lower case, values decoded. */
  readonly query: ReadonlyMap<string, string>;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Metadata of the request; names keep their case. */
  readonly metadata: readonly (readonly [string, string])[];
  readonly secure: boolean;
  readonly remoteAddress: string;
}

/** Parses a request. The account is the first segment of the path, or of a Host such as account.blob.… */
export function parseRequest(message: IncomingMessage, id: string, secure: boolean): ServiceRequest {
  const [rawPath = '/', rawQuery = ''] = splitOnce(message.url ?? '/', '?');
  const segments = rawPath.slice(1).split('/');
  const account = accountOfHost(message.headers.host ?? '') ?? decode(segments.shift() ?? '');
  const container = decode(segments.shift() ?? '');
  const blob = decode(segments.join('/'));
  const query = parseQuery(rawQuery);
  const headers = new Map<string, string>();
  const metadata: [string, string][] = [];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? '';
    const value = message.rawHeaders[i + 1] ?? '';
    headers.set(name.toLowerCase(), value);
    if (name.toLowerCase().startsWith('x-ms-meta-')) metadata.push([name.slice('x-ms-meta-'.length), value]);
  }
  const method = message.method ?? '';
  return {
    id,
    method,
    operation: operationOf(method, blob !== '', query, headers),
    account,
    container,
    blob,
    rawPath,
    query,
    headers,
    metadata,
    secure,
    remoteAddress: (message.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
  };
}

/** The range of a request in bytes; x-ms-range wins over Range. Undefined if neither is given; `length` is infinite for `bytes=n-`. */
export function requestedRange(request: ServiceRequest): ByteRange | undefined {
  const name = request.headers.has('x-ms-range') ? 'x-ms-range' : 'range';
  const value = request.headers.get(name);
  if (value === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(value);
  if (match === null) throw invalidHeader(name, value);
  const offset = Number(match[1]);
  const last = match[2] === '' ? Number.POSITIVE_INFINITY : Number(match[2]);
  if (last < offset) throw invalidHeader(name, value);
  return { offset, length: last + 1 - offset };
}

/** The value of a required header. */
export function requiredHeader(request: ServiceRequest, name: string): string {
  const value = request.headers.get(name);
  if (value === undefined || value === '') throw missingHeader(name);
  return value;
}

function operationOf(
  method: string,
  hasBlob: boolean,
  query: ReadonlyMap<string, string>,
  headers: ReadonlyMap<string, string>,
): Operation {
  const comp = query.get('comp') ?? '';
  if (query.get('restype') === 'container' && !hasBlob) {
    if (comp !== '') return 'Unsupported';
    if (method === 'PUT') return 'CreateContainer';
    if (method === 'DELETE') return 'DeleteContainer';
    return method === 'GET' || method === 'HEAD' ? 'GetContainerProperties' : 'Unsupported';
  }
  if (!hasBlob) return 'Unsupported';
  // Snapshots and versions can only be read.
  const isVersion = query.has('snapshot') || query.has('versionid');
  if (isVersion && method !== 'GET' && method !== 'HEAD') return 'Unsupported';
  switch (`${method} ${comp}`.trim()) {
    case 'PUT':
      if (headers.has('x-ms-requires-sync')) return 'Unsupported';
      return headers.has('x-ms-copy-source') ? 'CopyBlob' : 'PutBlob';
    case 'GET':
      return 'GetBlob';
    case 'HEAD':
      return 'GetBlobProperties';
    case 'DELETE':
      return 'DeleteBlob';
    case 'GET metadata':
    case 'HEAD metadata':
      return 'GetBlobMetadata';
    case 'PUT metadata':
      return 'SetBlobMetadata';
    case 'PUT properties':
      return 'SetBlobProperties';
    case 'PUT snapshot':
      return 'SnapshotBlob';
    case 'PUT page':
      if (headers.has('x-ms-copy-source')) return 'Unsupported';
      return headers.get('x-ms-page-write')?.toLowerCase() === 'clear' ? 'ClearPages' : 'PutPage';
    case 'GET pagelist':
      return query.has('prevsnapshot') ? 'Unsupported' : 'GetPageRanges';
    case 'PUT lease':
      return LEASE_ACTIONS[headers.get('x-ms-lease-action')?.toLowerCase() ?? ''] ?? 'Unsupported';
    default:
      return 'Unsupported';
  }
}

const LEASE_ACTIONS: Readonly<Record<string, Operation>> = {
  acquire: 'AcquireLease',
  renew: 'RenewLease',
  change: 'ChangeLease',
  release: 'ReleaseLease',
  break: 'BreakLease',
};

function accountOfHost(host: string): string | undefined {
  const name = host.replace(/:\d+$/, '');
  if (isIP(name.replace(/^\[|\]$/g, '')) !== 0) return undefined;
  return /^((?:md-)?[a-z0-9-]{3,24})\.(?:[a-z0-9]+\.)?blob\./.exec(name)?.[1];
}

function parseQuery(raw: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const part of raw.split('&')) {
    if (part === '') continue;
    const [name = '', value = ''] = splitOnce(part, '=');
    query.set(decode(name).toLowerCase(), decode(value));
  }
  return query;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
