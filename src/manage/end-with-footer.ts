// Ends the upload to a disk whose content is not a VHD. The service ends no upload without a footer, and deletes no disk in upload.

import type { ManagedDisk } from '../azure/arm/managed-disks.ts';
import type { ResourceId } from '../azure/arm/resource-id.ts';
import type { EventListener } from '../events.ts';
import { encodeFixedFooter, FOOTER_LENGTH } from '../image/vhd/footer.ts';
import type { ArmOptions } from '../options.ts';
import type { ArmSession } from '../remote/arm-session.ts';
import { accessOf, connectDisk } from '../remote/connect.ts';

/** For one request of 512 bytes. */
const GRANT_SECONDS = 3600;

export interface EndRequest {
  readonly session: ArmSession;
  readonly disk: ResourceId;
  readonly options: ArmOptions;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** Writes a footer, and ends the access. The disk must be deleted then: its content is that of an upload which was given up. */
export async function endWithFooter(found: ManagedDisk, request: EndRequest): Promise<void> {
  const { session, disk, emit, signal } = request;
  emit({ type: 'debug', message: `Writing a footer to disk ${found.name}, so that its upload can be ended.` });
  const { accessSas } = await session.disks.grantWrite(disk, GRANT_SECONDS, signal);
  await writeFooter(accessSas.reveal(), found.uploadSizeBytes ?? 0, request);
  await session.disks.endAccess(disk, signal);
}

async function writeFooter(url: string, size: number, { session, options, emit, signal }: EndRequest): Promise<void> {
  const access = accessOf({ destination: url }, 'w');
  const tokens = { credential: session.credential, scope: session.target.diskScope };
  const { disk, store } = await connectDisk(access, { ...options, maxRequests: 1 }, emit, tokens);
  try {
    const diskSize = size - FOOTER_LENGTH;
    const bytes = encodeFixedFooter({ size: diskSize, uniqueId: new Uint8Array(16), timestamp: 0 });
    // Without a checksum: the service checks the one in the footer.
    await store.write({ range: { offset: diskSize, length: FOOTER_LENGTH }, bytes }, signal);
  } finally {
    disk.close();
  }
}
