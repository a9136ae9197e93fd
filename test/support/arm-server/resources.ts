// The subscription of the test server as tests see it: they create, inspect and change resources without requests, as somebody else would.

import type { AccessLevel } from '../disk-server/disk-blob.ts';
import type { DiskServer } from '../disk-server/server.ts';
import { FOOTER_LENGTH, fixedFooter } from '../disk-server/vhd-footer.ts';
import type { ArmBehaviour } from './behaviour.ts';
import { DISK_BODY, type DiskProperties, MIN_UPLOAD_BYTES } from './disk-body.ts';
import { grantAccess } from './disk-operations.ts';
import { type DiskState, ManagedDisk } from './managed-disk.ts';
import {
  type ArmState,
  type Changeable,
  findDisk,
  idOf,
  type StorageAccountResource,
  type StoredResource,
} from './state.ts';

const SUBSCRIPTION = '99999999-8888-7777-6666-555555555555';
const LOCATIONS = ['westeurope', 'northeurope', 'eastus', 'eastus2', 'westus', 'chinanorth3', 'usgovvirginia'];

export interface GivenDisk {
  readonly name: string;
  /** @default the first resource group */
  readonly resourceGroup?: string;
  /** With the footer, in bytes. @default 20 MiB and the footer */
  readonly uploadSizeBytes?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly sku?: string;
  readonly properties?: Partial<DiskProperties>;
  /** A disk that is not in upload has a footer, and no other content. @default ReadyToUpload */
  readonly state?: DiskState;
}

export class ArmResources {
  readonly state: ArmState;
  readonly #disks: DiskServer;
  readonly #behaviour: ArmBehaviour;

  constructor(
    disks: DiskServer,
    behaviour: ArmBehaviour,
    given: {
      readonly subscription?: string | undefined;
      readonly resourceGroups?: Readonly<Record<string, string>> | undefined;
    },
  ) {
    this.#disks = disks;
    this.#behaviour = behaviour;
    this.state = {
      subscription: given.subscription ?? SUBSCRIPTION,
      disks: new Map(),
      resources: new Map(),
      resourceGroups: new Map(),
      storageAccounts: new Map(),
      locations: new Set(LOCATIONS),
      unavailableSkus: new Set(),
    };
    const groups = given.resourceGroups ?? { rg: 'westeurope' };
    for (const [name, location] of Object.entries(groups)) this.createResourceGroup(name, location);
  }

  createResourceGroup(name: string, location: string): void {
    const id = `/subscriptions/${this.state.subscription}/resourceGroups/${name}`;
    this.state.resourceGroups.set(name.toLowerCase(), { id, name, location });
  }

  /** Creates a storage account that only its name makes known: images can be made of its blobs. */
  createStorageAccount(
    name: string,
    resourceGroup = this.#firstGroup(),
    location = 'westeurope',
    more: Pick<StorageAccountResource, 'blobEndpoint' | 'containers'> = {},
  ): StorageAccountResource {
    const id = idOf(this.state.subscription, resourceGroup, `Microsoft.Storage/storageAccounts/${name}`);
    const account = { id, name, resourceGroup, location, ...more };
    this.state.storageAccounts.set(name, account);
    return account;
  }

  createDisk(given: GivenDisk): ManagedDisk {
    const { name, resourceGroup = this.#firstGroup(), uploadSizeBytes = MIN_UPLOAD_BYTES, tags, sku, state } = given;
    const creationData = { createOption: 'Upload', uploadSizeBytes };
    const body = {
      location: this.state.resourceGroups.get(resourceGroup.toLowerCase())?.location ?? 'westeurope',
      ...(tags !== undefined && { tags }),
      ...(sku !== undefined && { sku: { name: sku } }),
      properties: { creationData, ...given.properties },
    };
    const id = idOf(this.state.subscription, resourceGroup, `Microsoft.Compute/disks/${name}`);
    const disk = new ManagedDisk(id, name, resourceGroup, DISK_BODY(body, ''), this.#disks.now());
    this.state.disks.set(id.toLowerCase(), disk);
    if (state === 'ActiveUpload') this.grantAccess(name, 'Write', 3600, resourceGroup);
    else if (state !== undefined && state !== 'ReadyToUpload') {
      disk.pages = this.#disks.createBlob(uploadSizeBytes, { isUpload: false });
      const size = uploadSizeBytes - FOOTER_LENGTH;
      this.#disks.writePages(disk.pages, size, fixedFooter(size));
    }
    disk.state = state ?? 'ReadyToUpload';
    return disk;
  }

  /** The disk, after its operation if the time of that has come. @throws if there is none. */
  disk(name: string, resourceGroup = this.#firstGroup()): ManagedDisk {
    const disk = this.findDisk(name, resourceGroup);
    if (disk === undefined) throw new Error(`There is no disk ${name} in ${resourceGroup}.`);
    return disk;
  }

  /** Undefined if there is none. */
  findDisk(name: string, resourceGroup = this.#firstGroup()): ManagedDisk | undefined {
    const id = idOf(this.state.subscription, resourceGroup, `Microsoft.Compute/disks/${name}`);
    findDisk(this.state, id)?.running?.settle(this.#disks.now());
    return findDisk(this.state, id);
  }

  /** Grants access to a disk. Returns its URL with the SAS, as somebody with the Azure CLI gets it. */
  grantAccess(name: string, level: AccessLevel, durationSeconds: number, resourceGroup = this.#firstGroup()): string {
    const context = { disks: this.#disks, behaviour: this.#behaviour };
    return grantAccess(context, this.disk(name, resourceGroup), level, durationSeconds * 1000);
  }

  /** Somebody ends the upload: the disk becomes Unattached, whatever is in it. */
  revokeAccess(name: string, resourceGroup = this.#firstGroup()): void {
    const disk = this.disk(name, resourceGroup);
    for (const access of disk.accesses) access.hasEnded = true;
    disk.state = 'Unattached';
  }

  /** Somebody attaches the disk to a VM. */
  attachDisk(name: string, vm: string, resourceGroup = this.#firstGroup()): void {
    this.revokeAccess(name, resourceGroup);
    const disk = this.disk(name, resourceGroup);
    disk.state = 'Attached';
    disk.managedBy = idOf(this.state.subscription, resourceGroup, `Microsoft.Compute/virtualMachines/${vm}`);
  }

  /** Somebody deletes the disk, whatever its state. */
  deleteDisk(name: string, resourceGroup = this.#firstGroup()): void {
    const disk = this.disk(name, resourceGroup);
    if (disk.pages !== undefined) this.#disks.deleteBlob(disk.pages);
    this.state.disks.delete(disk.id.toLowerCase());
  }

  /** Somebody deletes the disk and creates another one with the same name and fields. Its uniqueId differs. */
  replaceDisk(name: string, resourceGroup = this.#firstGroup()): ManagedDisk {
    const { id, body } = this.disk(name, resourceGroup);
    this.deleteDisk(name, resourceGroup);
    const disk = new ManagedDisk(id, name, resourceGroup, body, this.#disks.now());
    this.state.disks.set(id.toLowerCase(), disk);
    return disk;
  }

  /** An image, a gallery, or what is in it. @param path - Without the provider: `images/i1`, `galleries/g/images/d/versions/1.0.0`. */
  resource(path: string, resourceGroup = this.#firstGroup()): StoredResource {
    const id = idOf(this.state.subscription, resourceGroup, `Microsoft.Compute/${path}`);
    const resource = this.state.resources.get(id.toLowerCase());
    if (resource === undefined) throw new Error(`There is no ${path} in ${resourceGroup}.`);
    resource.running?.settle(this.#disks.now());
    return resource;
  }

  /** The resource with an id in any case; undefined if there is none. */
  find(id: string): Changeable | undefined {
    return findDisk(this.state, id) ?? this.state.resources.get(id.toLowerCase());
  }

  #firstGroup(): string {
    return [...this.state.resourceGroups.values()][0]?.name ?? '';
  }
}
