// Everything in the subscription of the test server, and what its handlers get and return.

import type { DiskServer } from '../disk-server/server.ts';
import type { ArmBehaviour } from './behaviour.ts';
import { resourceNotFound } from './errors.ts';
import type { OperationsPath, RunningOperation } from './long-running.ts';
import type { ManagedDisk } from './managed-disk.ts';
import type { ArmRequest } from './request.ts';

/** An image, a gallery, an image definition or a version. */
export interface StoredResource {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly location: string;
  tags: Readonly<Record<string, string>>;
  properties: Readonly<Record<string, unknown>>;
  /** What cannot change after creation, by the name of the property. */
  readonly fixed: Readonly<Record<string, unknown>>;
  provisioningState: 'Creating' | 'Updating' | 'Succeeded' | 'Failed' | 'Deleting';
  running: RunningOperation | undefined;
}

export interface ResourceGroup {
  readonly id: string;
  readonly name: string;
  readonly location: string;
}

export interface StorageAccountResource {
  readonly id: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly location: string;
  /** @default that of the public cloud */
  readonly blobEndpoint?: string | undefined;
  /** Names. */
  readonly containers?: readonly string[] | undefined;
}

/** Keys are ids in lower case, since Resource Manager does not distinguish case. */
export interface ArmState {
  readonly subscription: string;
  readonly disks: Map<string, ManagedDisk>;
  readonly resources: Map<string, StoredResource>;
  readonly resourceGroups: Map<string, ResourceGroup>;
  readonly storageAccounts: Map<string, StorageAccountResource>;
  readonly locations: ReadonlySet<string>;
  /** SKUs that no location has. */
  readonly unavailableSkus: Set<string>;
}

/** What a handler may read and change. */
export interface ArmContext {
  readonly request: ArmRequest;
  /** The parsed JSON; undefined if the request has no body. */
  readonly body: unknown;
  readonly state: ArmState;
  readonly behaviour: ArmBehaviour;
  readonly disks: DiskServer;
  readonly now: Date;
  readonly isRegistered: (namespace: string) => boolean;
}

/** Something that one operation at a time changes. */
export interface Changeable {
  readonly id: string;
  running: RunningOperation | undefined;
}

/** What a handler wants to be answered. */
export type Handled =
  | { readonly kind: 'answer'; readonly status: number; readonly json?: unknown }
  | {
      readonly kind: 'operation';
      readonly target: Changeable;
      readonly location: string;
      readonly path: OperationsPath;
      /** The answer of a polled operation to the first request. */
      readonly accepted: { readonly status: number; readonly json?: unknown };
      /** Takes effect, and returns what the operation ends with. @throws ArmError the operation fails. */
      readonly complete: () => unknown;
      /** Called if the operation fails. */
      readonly fail?: () => void;
    };

export function ok(json: unknown): Handled {
  return { kind: 'answer', status: 200, json };
}

/** The id of a resource in the subscription. @param path - Provider, types and names: `Microsoft.Compute/disks/d1`. */
export function idOf(subscription: string, resourceGroup: string, path: string): string {
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/${path}`;
}

/** The disk with an id in any case. */
export function findDisk(state: ArmState, id: string): ManagedDisk | undefined {
  return state.disks.get(id.toLowerCase());
}

/** The disk of a request. @throws ArmError 404. */
export function diskOf({ request, state }: ArmContext): ManagedDisk {
  const [name = ''] = request.names;
  const path = `Microsoft.Compute/disks/${name}`;
  const disk = findDisk(state, idOf(request.subscription, request.resourceGroup, path));
  if (disk === undefined) throw resourceNotFound(path, request.resourceGroup);
  return disk;
}

/** A resource as GET answers it. */
export function resourceJson(resource: StoredResource): object {
  const { name, id, type, location, tags, properties, provisioningState } = resource;
  return { name, id, type, location, tags, properties: { ...properties, provisioningState } };
}
