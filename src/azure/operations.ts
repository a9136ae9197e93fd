// The operations of the Blob service that vhdup uses, and how each of them says that it was done. Source: REST, Operations on Blobs.

interface OperationFacts {
  /** The status of success. */
  readonly success: number;
  /** Headers that only an operation that was done carries. With the request id they prove success, whatever 2xx the status is. */
  readonly proof: readonly string[];
}

const OPERATIONS = {
  'Create Container': { success: 201, proof: ['etag'] },
  'Get Blob Properties': { success: 200, proof: ['etag', 'x-ms-blob-type'] },
  'Put Blob': { success: 201, proof: ['etag'] },
  'Put Page': { success: 201, proof: ['etag'] },
  'Clear Pages': { success: 201, proof: ['etag'] },
  'Get Page Ranges': { success: 200, proof: ['x-ms-blob-content-length'] },
  'Get Blob': { success: 206, proof: ['etag', 'content-range'] },
  'Set Blob Metadata': { success: 200, proof: ['etag'] },
  'Set Blob Properties': { success: 200, proof: ['etag'] },
  'Acquire Lease': { success: 201, proof: ['x-ms-lease-id'] },
  'Renew Lease': { success: 200, proof: ['x-ms-lease-id'] },
  'Change Lease': { success: 200, proof: ['x-ms-lease-id'] },
  'Release Lease': { success: 200, proof: ['etag'] },
  'Break Lease': { success: 202, proof: ['x-ms-lease-time'] },
} as const satisfies Readonly<Record<string, OperationFacts>>;

export type Operation = keyof typeof OPERATIONS;

/** All of them, for what is said of each. */
export const ALL_OPERATIONS = Object.keys(OPERATIONS) as readonly Operation[];

/** The parts of a request of the SDK that say what it does. */
interface RequestLike {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | undefined };
}

const LEASE_OPERATIONS: Readonly<Record<string, Operation>> = {
  acquire: 'Acquire Lease',
  renew: 'Renew Lease',
  change: 'Change Lease',
  release: 'Release Lease',
  break: 'Break Lease',
};

/** Undefined for a request that vhdup does not make. */
export function operationOf({ method, url, headers }: RequestLike): Operation | undefined {
  const query = new URL(url).searchParams;
  const component = query.get('comp');
  if (method === 'HEAD') return 'Get Blob Properties';
  if (method === 'GET') return component === 'pagelist' ? 'Get Page Ranges' : 'Get Blob';
  switch (component) {
    case 'page':
      return headers.get('x-ms-page-write') === 'clear' ? 'Clear Pages' : 'Put Page';
    case 'metadata':
      return 'Set Blob Metadata';
    case 'properties':
      return 'Set Blob Properties';
    case 'lease':
      return LEASE_OPERATIONS[headers.get('x-ms-lease-action') ?? ''];
    case null:
      return query.get('restype') === 'container' ? 'Create Container' : 'Put Blob';
    default:
      return undefined;
  }
}

/** The status that stands for success, where `status` is another 2xx but the headers prove that the service did the operation. */
export function provenStatus(
  operation: Operation,
  status: number,
  headers: { get(name: string): string | undefined },
): number {
  const { success, proof } = OPERATIONS[operation];
  const isProven =
    status >= 200 && status < 300 && ['x-ms-request-id', ...proof].every((name) => headers.get(name) !== undefined);
  // The SDK reads a range from either of these; whether it is the right one is seen later.
  const isKnown = status === success || (operation === 'Get Blob' && status === 200);
  return isProven && !isKnown ? success : status;
}
