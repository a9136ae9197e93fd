// Read access to a managed disk whose upload is finished. It is ended afterwards: nobody can use a disk that is being exported.

import type { ManagedDisk, ManagedDisks } from '../azure/arm/managed-disks.ts';
import { grantSeconds } from '../azure/arm/managed-disks.ts';
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import type { DiskTokenSource } from '../azure/disk-blob.ts';
import { printable } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import { messageOf } from '../base/thrown.ts';
import { DestinationError, InUseError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import { accessOf, type ConnectionSettings, connectDisk } from './connect.ts';
import { isInUpload } from './owned-disk.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** Bytes per second of a slow connection, for how long the access to a disk lasts. */
export const SLOW_LINK = 1024 * 1024;

/** How long the end of the access may take, in milliseconds. */
const END_TIMEOUT_MS = 120_000;
const EXPORTED = ['ActiveSAS', 'ActiveSASFrozen'];

export interface ExportRequest {
  readonly disks: ManagedDisks;
  readonly id: ResourceId;
  readonly tokens: DiskTokenSource;
  readonly settings: ConnectionSettings;
  /** How long the reading takes, in milliseconds, for the duration of the access. @default over a slow connection, by the size of the disk */
  readonly expectedMs?: number;
  /** Whether access that somebody has to the disk is that of an earlier run, which was killed. */
  readonly mayHaveAccess?: boolean;
  /** The same, if the disk has this `uniqueId`. */
  readonly readBefore?: string | undefined;
  readonly emit: EventListener;
}

export interface DiskExport {
  readonly store: RetryingPageStore;
  /** Of the disk; undefined if the service does not report it. */
  readonly uniqueId: string | undefined;
  /** Ends the access. Only warns if that fails. */
  end(): Promise<void>;
}

/**
 * Grants read access to the disk and connects to its content. The caller ends it.
 * @throws {DestinationError} the disk does not exist, or its upload is not finished. @throws {InUseError} somebody else exports it.
 */
export async function exportDisk(request: ExportRequest, signal: AbortSignal): Promise<DiskExport> {
  const { disks, id, tokens, settings, emit, readBefore } = request;
  const found = await disks.get(id, signal);
  const isOwnAccess = readBefore !== undefined && found?.uniqueId === readBefore;
  assertReadable(found, id, request.mayHaveAccess === true || isOwnAccess);
  const { expectedMs = ((found.diskSizeBytes ?? 0) / SLOW_LINK) * 1000 } = request;
  const grant = async (waiting: AbortSignal) =>
    (await disks.grantRead(id, grantSeconds(expectedMs), waiting)).accessSas.reveal();
  const end = () =>
    disks.endAccess(id, AbortSignal.timeout(END_TIMEOUT_MS)).then(
      () => undefined,
      (error: unknown) =>
        emit({
          type: 'warning',
          code: 'access-not-ended',
          message: `The read access to disk ${nameOf(id)} could not be ended: ${messageOf(error)} End it before you use the disk: az disk revoke-access --ids ${shellWord(idOf(id))}`,
        }),
    );
  const destination = await grant(signal);
  try {
    const access = accessOf({ ...settings, destination }, 'r');
    const renewSas = ({ signal: waiting }: { readonly signal: AbortSignal }) => grant(waiting);
    const { disk, store } = await connectDisk(access, { ...settings, renewSas }, emit, tokens);
    return {
      store,
      uniqueId: found.uniqueId,
      end: async () => {
        disk.close();
        await end();
      },
    };
  } catch (error) {
    // Nobody could use the disk while it counts as exported.
    await end();
    throw error;
  }
}

function assertReadable(
  found: ManagedDisk | undefined,
  id: ResourceId,
  mayHaveAccess: boolean,
): asserts found is ManagedDisk {
  const name = nameOf(id);
  if (found === undefined) {
    throw new DestinationError(`Disk ${name} does not exist in the resource group ${id.resourceGroup}.`, {
      reason: 'DiskNotFound',
    });
  }
  if (isInUpload(found)) {
    throw new DestinationError(
      `Disk ${name} cannot be read: its upload is not finished (state ${found.diskState}). Run the same vhdup upload again first.`,
      { reason: 'DiskInUpload' },
    );
  }
  const { diskState = 'unknown' } = found;
  if (!EXPORTED.includes(diskState) || mayHaveAccess) return;
  throw new InUseError(
    `Somebody has access to disk ${name} to read it (state ${printable(diskState)}). Wait until that is finished. If nothing reads it any more, for example because vhdup was killed, end the access: az disk revoke-access --ids ${shellWord(idOf(id))}`,
  );
}
