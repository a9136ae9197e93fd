// The Blob service operations that vhdup uses, and what proves the success of each. Source: REST, Operations on Blobs.

interface OperationFacts {
  /** The HTTP status of success. */
  readonly success: number;
  /** Headers that only a completed operation returns. With the request id they prove success, whatever the 2xx status. */
  readonly proof: readonly string[];
}

const OPERATIONS = {
  'Create Container': { success: 201, proof: ['etag'] },
  'Get Container Properties': { success: 200, proof: ['etag', 'last-modified'] },
  'Get Blob Properties': { success: 200, proof: ['etag', 'x-ms-blob-type'] },
  'Put Blob': { success: 201, proof: ['etag'] },
  'Delete Snapshots': { success: 202, proof: ['x-ms-delete-type-permanent'] },
  'Copy Blob': { success: 202, proof: ['etag', 'x-ms-copy-id'] },
  'Put Page': { success: 201, proof: ['etag'] },
  'Clear Pages': { success: 201, proof: ['etag'] },
  'Get Page Ranges': { success: 200, proof: ['x-ms-blob-content-length'] },
  'Get Blob': { success: 206, proof: ['etag', 'content-range'] },
  'Set Blob Metadata': { success: 200, proof: ['etag'] },
  'Set Blob Properties': { success: 200, proof: ['etag'] },
  'Delete Blob': { success: 202, proof: [] },
  'Acquire Lease': { success: 201, proof: ['x-ms-lease-id'] },
  'Renew Lease': { success: 200, proof: ['x-ms-lease-id'] },
  'Change Lease': { success: 200, proof: ['x-ms-lease-id'] },
  'Release Lease': { success: 200, proof: ['etag'] },
  'Break Lease': { success: 202, proof: ['x-ms-lease-time'] },
} as const satisfies Readonly<Record<string, OperationFacts>>;

export type Operation = keyof typeof OPERATIONS;

/** All operations, for tables and tests that cover each of them. */
export const ALL_OPERATIONS = Object.keys(OPERATIONS) as readonly Operation[];

/** The parts of an SDK request that identify its operation. */
interface RequestLike {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | undefined };
}

const LEASE_OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['acquire', 'Acquire Lease'],
  ['renew', 'Renew Lease'],
  ['change', 'Change Lease'],
  ['release', 'Release Lease'],
  ['break', 'Break Lease'],
]);

/** Undefined for a request that vhdup does not make. */
export function operationOf({ method, url, headers }: RequestLike): Operation | undefined {
  const query = new URL(url).searchParams;
  const component = query.get('comp');
  const isRead = method === 'HEAD' || method === 'GET';
  if (isRead && query.get('restype') === 'container') return 'Get Container Properties';
  if (method === 'HEAD') return 'Get Blob Properties';
  if (method === 'DELETE') {
    if (headers.get('x-ms-delete-snapshots') === 'only') return 'Delete Snapshots';
    return query.get('restype') === null ? 'Delete Blob' : undefined;
  }
  if (method === 'GET') return component === 'pagelist' ? 'Get Page Ranges' : 'Get Blob';
  switch (component) {
    case 'page':
      return headers.get('x-ms-page-write') === 'clear' ? 'Clear Pages' : 'Put Page';
    case 'metadata':
      return 'Set Blob Metadata';
    case 'properties':
      return 'Set Blob Properties';
    case 'lease':
      return LEASE_OPERATIONS.get(headers.get('x-ms-lease-action') ?? '');
    case null:
      if (query.get('restype') === 'container') return 'Create Container';
      return headers.get('x-ms-copy-source') === undefined ? 'Put Blob' : 'Copy Blob';
    default:
      return undefined;
  }
}

/** The regular success status if `status` is another 2xx but the headers prove that the operation completed; otherwise `status`. */
export function provenStatus(
  operation: Operation,
  status: number,
  headers: { get(name: string): string | undefined },
): number {
  const { success, proof } = OPERATIONS[operation];
  const isProven =
    status >= 200 && status < 300 && ['x-ms-request-id', ...proof].every((name) => headers.get(name) !== undefined);
  // The SDK accepts both for a range; assertSameRange checks the range itself.
  const isKnown = status === success || (operation === 'Get Blob' && status === 200);
  return isProven && !isKnown ? success : status;
}
