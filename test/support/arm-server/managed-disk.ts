// One managed disk: its state, and its JSON in the forms of recordings of the service.

import { randomUUID } from 'node:crypto';
import type { DiskAccess, DiskBlob } from '../disk-server/disk-blob.ts';
import type { StoredBlob } from '../page-blob-server/store.ts';
import type { DiskBody } from './disk-body.ts';
import type { RunningOperation } from './long-running.ts';

export type DiskState =
  | 'Unattached'
  | 'Attached'
  | 'Reserved'
  | 'Frozen'
  | 'ActiveSAS'
  | 'ActiveSASFrozen'
  | 'ReadyToUpload'
  | 'ActiveUpload';

const GIB = 1024 ** 3;
const TIERS: Readonly<Record<string, string>> = { Premium: 'Premium', PremiumV2: 'PremiumV2', UltraSSD: 'Ultra' };

/** Tests may set every field that is not readonly. */
export class ManagedDisk {
  readonly id: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly uniqueId = randomUUID();
  readonly timeCreated: Date;
  body: DiskBody;
  state: DiskState = 'ReadyToUpload';
  provisioningState: 'Updating' | 'Succeeded' | 'Failed' | 'Deleting' = 'Succeeded';
  /** The VM that the disk is attached to. */
  managedBy: string | undefined;
  /** Undefined until access is granted for the first time. */
  pages: DiskBlob | undefined;
  /** The last operation that was accepted. */
  running: RunningOperation | undefined;

  constructor(id: string, name: string, resourceGroup: string, body: DiskBody, now: Date) {
    this.id = id;
    this.name = name;
    this.resourceGroup = resourceGroup;
    this.body = body;
    this.timeCreated = now;
  }

  get location(): string {
    return this.body.location;
  }

  get tags(): Readonly<Record<string, string>> {
    return this.body.tags ?? {};
  }

  /** Of the VHD with its footer, in bytes. */
  get uploadSizeBytes(): number {
    return this.body.properties.creationData.uploadSizeBytes ?? 0;
  }

  /** Written pages, contents, SHA-256. @throws if no access was ever granted. */
  get content(): StoredBlob {
    if (this.pages === undefined) throw new Error(`No access to disk ${this.name} was granted yet.`);
    return this.pages.blob;
  }

  /** Accesses that were granted and not ended, also expired ones. */
  get accesses(): readonly DiskAccess[] {
    return this.pages?.accesses.filter(({ hasEnded }) => !hasEnded) ?? [];
  }

  /** What PUT answers at first: the body as it was sent. */
  accepted(): object {
    const { tags = {}, sku = { name: 'Standard_LRS' }, zones, properties } = this.body;
    return {
      ...this.#head(),
      tags,
      ...(zones && { zones }),
      sku,
      properties: { ...properties, provisioningState: 'Updating' },
    };
  }

  /** What GET answers. A disk in upload has neither diskSizeGB nor diskSizeBytes. */
  toJson(): object {
    const { tags = {}, sku = { name: 'Standard_LRS' }, zones, properties } = this.body;
    const isInUpload = this.state === 'ReadyToUpload' || this.state === 'ActiveUpload';
    const size = this.uploadSizeBytes - 512;
    return {
      ...this.#head(),
      tags,
      ...(zones && { zones }),
      ...(this.managedBy !== undefined && { managedBy: this.managedBy }),
      sku: { name: sku.name, tier: TIERS[sku.name.split('_', 1)[0] ?? ''] ?? 'Standard' },
      properties: {
        ...properties,
        ...(isInUpload ? {} : { diskSizeGB: Math.ceil(size / GIB), diskSizeBytes: size }),
        encryption: { type: 'EncryptionAtRestWithPlatformKey', ...properties.encryption },
        networkAccessPolicy: properties.networkAccessPolicy ?? 'AllowAll',
        publicNetworkAccess: properties.publicNetworkAccess ?? 'Enabled',
        timeCreated: armTime(this.timeCreated),
        provisioningState: this.provisioningState,
        diskState: this.state,
        uniqueId: this.uniqueId,
      },
    };
  }

  #head(): object {
    return { name: this.name, id: this.id, type: 'Microsoft.Compute/disks', location: this.location };
  }
}

/** A time as Resource Manager writes it, with seven decimals. */
export function armTime(time: Date): string {
  return time.toISOString().replace('Z', '0000+00:00');
}
