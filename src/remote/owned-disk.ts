// OwnedDisk: the managed disk of one upload, through Azure Resource Manager. Finds out whether it still is that disk.

import type { DiskSas } from '../azure/arm/disk-sas.ts';
import { grantSeconds, type ManagedDisk, type ManagedDisks } from '../azure/arm/managed-disks.ts';
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { printable } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import { CredentialError, DestinationError, InUseError, ServiceError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskState } from '../state/checkpoint.ts';
import type { DiskControl } from './disk-lifecycle.ts';

/** The tag that names the upload of a disk. Others may use the same name for a disk: the last one wins. */
export const UPLOAD_TAG = 'vhdup-upload-id';

/** The end of a run waits this long at most, in milliseconds. */
const LOOK_TIMEOUT_MS = 10_000;

/** How often the disk is looked at while it is uploaded to, in milliseconds. */
const WATCH_INTERVAL_MS = 60_000;

/** The states in which a disk accepts an upload. */
const IN_UPLOAD: readonly string[] = ['ReadyToUpload', 'ActiveUpload'];

export interface OwnedDiskOptions {
  readonly disks: ManagedDisks;
  readonly id: ResourceId;
  readonly uploadId: string;
  readonly uniqueId: string | undefined;
  /** Whether the disk has the tag of this upload. One that was created by hand has none. */
  readonly isTagged: boolean;
  /** Whether an earlier run of this upload has asked for the end of the access, which is the commit. @default false */
  readonly wasFinishing?: boolean;
  /** How long the upload will take, in milliseconds, for the duration of the access. */
  readonly expectedMs: number;
  readonly emit: EventListener;
}

export function isInUpload({ diskState }: ManagedDisk): boolean {
  return IN_UPLOAD.includes(diskState ?? '');
}

export class OwnedDisk implements DiskControl {
  readonly #options: OwnedDiskOptions;
  /** Until this run has access: then it has begun to write, and the request of the earlier run is over. */
  #wasFinishing: boolean;
  #watch: NodeJS.Timeout | undefined;
  #isCommitting = false;

  constructor(options: OwnedDiskOptions) {
    this.#options = options;
    this.#wasFinishing = options.wasFinishing === true;
  }

  get state(): DiskState {
    const { id, uniqueId } = this.#options;
    return { id: idOf(id), ...(uniqueId === undefined ? {} : { uniqueId }) };
  }

  get name(): string {
    return nameOf(this.#options.id);
  }

  /** Grants access for the upload. A second grant replaces the first one; the access is never ended in between. */
  async grant(signal: AbortSignal): Promise<DiskSas> {
    const { disks, id, expectedMs } = this.#options;
    this.#report('waiting-for-access');
    try {
      const { accessSas } = await disks.grantWrite(id, grantSeconds(expectedMs), signal);
      this.#wasFinishing = false;
      return accessSas;
    } catch (error) {
      throw await this.causeOf(error);
    }
  }

  /** @throws {DestinationError | InUseError} the disk was deleted or replaced, or its upload was ended by something else. */
  async assertOurs(signal: AbortSignal): Promise<void> {
    const { disks, id } = this.#options;
    assertOwned(await disks.get(id, signal), { ...this.#options, wasFinishing: this.#wasFinishing });
  }

  /**
   * Looks at the disk once a minute until the commit. Two runs that create a disk of one name both succeed: the one that does not own
   * it must stop soon, because it may write into the disk of the other. The caller ends it with `unwatch`.
   */
  watch(onLost: (error: Error) => void): void {
    const look = async () => {
      try {
        await this.assertOurs(AbortSignal.timeout(LOOK_TIMEOUT_MS));
      } catch (error) {
        const isLost = error instanceof DestinationError || error instanceof InUseError;
        if (isLost && this.#watch !== undefined) onLost(error);
      }
    };
    this.#watch = setInterval(() => void look(), WATCH_INTERVAL_MS).unref();
  }

  unwatch(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  /** A disk that was deleted, replaced or ended refuses requests for its content, without a reason. */
  async causeOf(error: unknown): Promise<unknown> {
    const mayExplain = [DestinationError, CredentialError, InUseError].some((kind) => error instanceof kind);
    if (this.#isCommitting || !mayExplain) return error;
    return await this.assertOurs(AbortSignal.timeout(LOOK_TIMEOUT_MS)).then(
      () => error,
      (cause: unknown) => (cause instanceof DestinationError || cause instanceof InUseError ? cause : error),
    );
  }

  async commit(signal: AbortSignal): Promise<void> {
    const { disks, id } = this.#options;
    this.unwatch();
    this.#isCommitting = true;
    this.#report('committing');
    const ended = await disks.endAccess(id, signal);
    // Somebody may have attached it already.
    if (!isInUpload(ended)) return;
    throw new ServiceError(
      `The access to disk ${this.name} ended, but its state is ${ended.diskState ?? 'unknown'} and not Unattached. Check it with: az disk show --ids ${shellWord(idOf(id))}.`,
      { reason: 'UnexpectedDiskState', transient: false },
    );
  }

  #report(phase: 'waiting-for-access' | 'committing'): void {
    this.#options.emit({ type: 'phase', phase });
  }
}

type Ownership = Pick<OwnedDiskOptions, 'id' | 'uploadId' | 'uniqueId' | 'isTagged' | 'wasFinishing'>;

/**
 * @param found - The disk as it is now.
 * @throws {DestinationError} the disk is gone, another one, or its upload was ended. @throws {InUseError} another upload has it, or it
 *   is being changed.
 */
export function assertOwned(found: ManagedDisk | undefined, own: Ownership): asserts found is ManagedDisk {
  const { id, uploadId, uniqueId, isTagged } = own;
  const name = nameOf(id);
  if (found === undefined) {
    throw new DestinationError(
      `Disk ${name} was deleted, and everything that was sent to it with it. Give --restart to create it again and upload from the beginning.`,
      { reason: 'DiskDeleted' },
    );
  }
  if (uniqueId !== undefined && found.uniqueId !== uniqueId) {
    throw new DestinationError(
      `Disk ${name} is another disk of the same name now (created ${found.timeCreated ?? 'at an unknown time'}). The one of this upload was deleted. Choose another name with --disk, and give --restart to upload from the beginning.`,
      { reason: 'DiskReplaced' },
    );
  }
  const owner = found.tags[UPLOAD_TAG];
  if (isTagged && owner !== uploadId) {
    throw new InUseError(
      owner === undefined
        ? `Something removed the tag ${UPLOAD_TAG} from disk ${name}, so nothing shows whose upload it is. Set the tag to ${uploadId} again if nothing else uploads to the disk.`
        : `Another upload created disk ${name} at the same time, and owns it now. This upload has stopped, and left the disk as it is. Choose another name with --disk.`,
    );
  }
  if (isInUpload(found)) return;
  throw found.diskState === undefined ? beingChanged(found, id) : uploadEnded(found, own);
}

/** The error for a disk without a state: the service is creating or changing it. */
export function beingChanged({ provisioningState = 'unknown' }: ManagedDisk, id: ResourceId): InUseError {
  return new InUseError(
    `Disk ${nameOf(id)} is being created or changed (provisioning ${printable(provisioningState)}). Run the same command again in a minute.`,
  );
}

function uploadEnded({ diskState = 'unknown', managedBy }: ManagedDisk, { id, wasFinishing }: Ownership): Error {
  const name = nameOf(id);
  if (wasFinishing === true) {
    return new InUseError(
      `Disk ${name} was finished just now: an earlier run of this upload had asked for that. Run the same command again, which removes the checkpoint.`,
    );
  }
  const what =
    managedBy === undefined
      ? `its access was ended before the upload was finished (its state is ${printable(diskState)})`
      : `it is attached to ${printable(managedBy)}`;
  return new DestinationError(
    `Disk ${name} accepts no more data: ${what}. It does not hold the whole image: do not use it. Delete it (az disk delete --ids ${shellWord(idOf(id))}), and give --restart to upload from the beginning.`,
    { reason: 'UploadEnded' },
  );
}
