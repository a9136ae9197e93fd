// Parses a request to the test server of Azure Resource Manager: the operation and its resource, from method and path.

import type { IncomingMessage } from 'node:http';

/** The operations that the server supports; `Unsupported` for everything else. */
export type ArmOperation =
  | 'ListSubscriptions'
  | 'GetSubscription'
  | 'GetProvider'
  | 'GetResourceGroup'
  | 'ListResourceGroups'
  | 'GetDisk'
  | 'PutDisk'
  | 'PatchDisk'
  | 'DeleteDisk'
  | 'BeginGetAccess'
  | 'EndGetAccess'
  | 'GetImage'
  | 'PutImage'
  | 'DeleteImage'
  | 'GetGallery'
  | 'PutGallery'
  | 'GetGalleryImage'
  | 'PutGalleryImage'
  | 'GetGalleryImageVersion'
  | 'PutGalleryImageVersion'
  | 'DeleteGalleryImageVersion'
  | 'ListStorageAccounts'
  | 'GetStorageAccount'
  | 'ListContainers'
  | 'PollOperation'
  | 'PollLocation'
  | 'Unsupported';

/** A parsed request. Nothing in it is checked yet. */
export interface ArmRequest {
  readonly id: string;
  readonly method: string;
  readonly operation: ArmOperation;
  /** Path and query as on the wire: poll URLs are followed verbatim. */
  readonly target: string;
  /** The path, percent-decoded. */
  readonly path: string;
  /** Names in lower case, values decoded. */
  readonly query: ReadonlyMap<string, string>;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Empty if the path has none. */
  readonly subscription: string;
  readonly resourceGroup: string;
  /** The names in the path below the type, outermost first: gallery, image definition, version. */
  readonly names: readonly string[];
}

/** The operations of one kind of resource. */
interface Route {
  /** Segments in lower case; `*` stands for a name. */
  readonly path: string;
  readonly operations: Readonly<Record<string, ArmOperation>>;
}

const GROUP = 'subscriptions/*/resourcegroups/*';
const COMPUTE = `${GROUP}/providers/microsoft.compute`;
const STORAGE = 'providers/microsoft.storage/storageaccounts';

const ROUTES: readonly Route[] = [
  { path: 'subscriptions', operations: { GET: 'ListSubscriptions' } },
  { path: 'subscriptions/*', operations: { GET: 'GetSubscription' } },
  { path: 'subscriptions/*/providers/*', operations: { GET: 'GetProvider' } },
  { path: 'subscriptions/*/resourcegroups', operations: { GET: 'ListResourceGroups' } },
  { path: GROUP, operations: { GET: 'GetResourceGroup', HEAD: 'GetResourceGroup' } },
  {
    path: `${COMPUTE}/disks/*`,
    operations: { GET: 'GetDisk', PUT: 'PutDisk', PATCH: 'PatchDisk', DELETE: 'DeleteDisk' },
  },
  { path: `${COMPUTE}/disks/*/begingetaccess`, operations: { POST: 'BeginGetAccess' } },
  { path: `${COMPUTE}/disks/*/endgetaccess`, operations: { POST: 'EndGetAccess' } },
  { path: `${COMPUTE}/images/*`, operations: { GET: 'GetImage', PUT: 'PutImage', DELETE: 'DeleteImage' } },
  { path: `${COMPUTE}/galleries/*`, operations: { GET: 'GetGallery', PUT: 'PutGallery' } },
  { path: `${COMPUTE}/galleries/*/images/*`, operations: { GET: 'GetGalleryImage', PUT: 'PutGalleryImage' } },
  {
    path: `${COMPUTE}/galleries/*/images/*/versions/*`,
    operations: {
      GET: 'GetGalleryImageVersion',
      PUT: 'PutGalleryImageVersion',
      DELETE: 'DeleteGalleryImageVersion',
    },
  },
  { path: `subscriptions/*/${STORAGE}`, operations: { GET: 'ListStorageAccounts' } },
  { path: `${GROUP}/${STORAGE}`, operations: { GET: 'ListStorageAccounts' } },
  { path: `${GROUP}/${STORAGE}/*`, operations: { GET: 'GetStorageAccount' } },
  { path: `${GROUP}/${STORAGE}/*/blobservices/default/containers`, operations: { GET: 'ListContainers' } },
];

const POLL =
  /^\/subscriptions\/[^/]+\/providers\/Microsoft\.Compute\/locations\/[^/]+\/(?:Disk|caps)?Operations\/[^/]+$/i;

export function parseArmRequest(message: IncomingMessage, id: string): ArmRequest {
  const target = message.url ?? '/';
  const method = message.method ?? '';
  const url = new URL(target, 'http://localhost');
  const path = decoded(url.pathname);
  const query = new Map([...url.searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  const segments = path.split('/').slice(1);
  const { operation, stars } = routeOf(method, path, query, segments);
  const hasGroup = segments[2]?.toLowerCase() === 'resourcegroups';
  return {
    id,
    method,
    operation,
    target,
    path,
    query,
    headers: new Map(
      Object.entries(message.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    ),
    subscription: segments[0]?.toLowerCase() === 'subscriptions' ? (segments[1] ?? '') : '',
    resourceGroup: hasGroup ? (segments[3] ?? '') : '',
    names: stars.slice(hasGroup ? 2 : 1),
  };
}

function routeOf(
  method: string,
  path: string,
  query: ReadonlyMap<string, string>,
  segments: readonly string[],
): { operation: ArmOperation; stars: string[] } {
  if (method === 'GET' && POLL.test(path)) {
    return { operation: query.has('monitor') ? 'PollLocation' : 'PollOperation', stars: [] };
  }
  for (const route of ROUTES) {
    const stars = match(route.path.split('/'), segments);
    const operation = route.operations[method];
    if (stars !== undefined && operation !== undefined) return { operation, stars };
  }
  return { operation: 'Unsupported', stars: [] };
}

/** The segments at the stars; undefined if the path is another one. ARM does not distinguish case. */
function match(pattern: readonly string[], segments: readonly string[]): string[] | undefined {
  if (pattern.length !== segments.length) return undefined;
  const isMatch = pattern.every((part, i) => (part === '*' ? segments[i] !== '' : part === segments[i]?.toLowerCase()));
  return isMatch ? segments.filter((_, i) => pattern[i] === '*') : undefined;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return path;
    throw error;
  }
}
