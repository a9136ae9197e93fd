// Builds the parts of an NTFS that contain its state and label: boot sector, first MFT records, log.

export interface NtfsDescription {
  /** Flags of $Volume. @default 0 */
  readonly flags?: number;
  readonly label?: string;
  /** State of the log. @default 'closed' */
  readonly log?: 'closed' | 'no clients' | 'in use' | 'emptied' | 'damaged';
  /** Changes the finished volume. */
  readonly edit?: (volume: Buffer) => void;
}

export const NTFS_PLACES = { mft: 4 * 4096, logFile: 16 * 4096, recordLength: 1024 } as const;

const CLUSTER = 4096;
const SIZE = 256 * 1024;

export function ntfsVolume({ flags = 0, label, log = 'closed', edit }: NtfsDescription = {}): Buffer {
  const volume = Buffer.alloc(SIZE);
  volume.write('\xeb\x52\x90NTFS    ', 0, 'latin1');
  volume.writeUInt16LE(512, 11);
  volume.writeUInt8(8, 13);
  volume.writeBigUInt64LE(BigInt(SIZE / 512 - 1), 40);
  volume.writeBigUInt64LE(BigInt(NTFS_PLACES.mft / CLUSTER), 48);
  volume.writeInt8(-10, 64);
  volume.writeUInt16LE(0xaa55, 510);

  const information = Buffer.alloc(12);
  information.writeUInt8(3, 8);
  information.writeUInt16LE(flags, 10);
  const name = label === undefined ? [] : [residentAttribute(0x60, Buffer.from(label, 'utf16le'))];
  record(3, [...name, residentAttribute(0x70, information)]).copy(volume, NTFS_PLACES.mft + 3 * 1024);
  record(0, [nonResidentAttribute(NTFS_PLACES.mft / CLUSTER)]).copy(volume, NTFS_PLACES.mft);
  record(5, [emptyFolder()], 3).copy(volume, NTFS_PLACES.mft + 5 * 1024);
  record(2, [nonResidentAttribute(NTFS_PLACES.logFile / CLUSTER)]).copy(volume, NTFS_PLACES.mft + 2 * 1024);
  logPages(log).copy(volume, NTFS_PLACES.logFile);
  edit?.(volume);
  return volume;
}

/** @param flags 1 in use, 2 folder. */
function record(index: number, attributes: readonly Buffer[], flags = 1): Buffer {
  const bytes = Buffer.alloc(NTFS_PLACES.recordLength);
  bytes.write('FILE', 0, 'latin1');
  bytes.writeUInt16LE(56, 20);
  bytes.writeUInt16LE(flags, 22);
  bytes.writeUInt32LE(NTFS_PLACES.recordLength, 24);
  bytes.writeUInt32LE(index, 44);
  const end = Buffer.alloc(8);
  end.writeUInt32LE(0xffffffff);
  Buffer.concat([...attributes, end]).copy(bytes, 56);
  return withFixups(bytes, 48);
}

function residentAttribute(type: number, content: Buffer, name = ''): Buffer {
  const valueAt = 24 + 2 * name.length;
  const length = Math.ceil((valueAt + content.length) / 8) * 8;
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(length, 4);
  bytes.writeUInt32LE(content.length, 16);
  bytes.writeUInt8(name.length, 9);
  bytes.writeUInt16LE(24, 10);
  bytes.write(name, 24, 'utf16le');
  bytes.writeUInt16LE(valueAt, 20);
  content.copy(bytes, valueAt);
  return bytes;
}

/** The root of an index of names without any. */
function emptyFolder(): Buffer {
  const root = Buffer.alloc(48);
  root.writeUInt32LE(0x30, 0);
  root.writeUInt32LE(1, 4);
  root.writeUInt32LE(4096, 8);
  root.writeUInt32LE(16, 16);
  root.writeUInt32LE(32, 20);
  root.writeUInt32LE(32, 24);
  root.writeUInt16LE(16, 32 + 8);
  root.writeUInt16LE(2, 32 + 12);
  return residentAttribute(0x90, root, '$I30');
}

/** A run of 4 clusters from `cluster` on. */
function nonResidentAttribute(cluster: number): Buffer {
  const bytes = Buffer.alloc(72);
  bytes.writeUInt32LE(0x80, 0);
  bytes.writeUInt32LE(72, 4);
  bytes.writeUInt8(1, 8);
  bytes.writeBigUInt64LE(3n, 24);
  bytes.writeUInt16LE(64, 32);
  for (const at of [40, 48, 56]) bytes.writeBigUInt64LE(BigInt(4 * CLUSTER), at);
  Buffer.from([0x11, 4, cluster]).copy(bytes, 64);
  return bytes;
}

function logPages(log: NonNullable<NtfsDescription['log']>): Buffer {
  if (log === 'emptied') return Buffer.alloc(8192, 0xff);
  if (log === 'damaged') return Buffer.alloc(8192, 0x11);
  // The second page is newer. The first has the opposite state.
  return Buffer.concat([restartPage(1n, log !== 'in use', false), restartPage(2n, log === 'in use', log === 'closed')]);
}

function restartPage(lsn: bigint, hasClients: boolean, isClosed: boolean): Buffer {
  const page = Buffer.alloc(4096);
  page.write('RSTR', 0, 'latin1');
  page.writeUInt16LE(48, 24);
  page.writeBigUInt64LE(lsn, 48);
  page.writeUInt16LE(hasClients || isClosed ? 0 : 0xffff, 48 + 12);
  page.writeUInt16LE(isClosed ? 2 : 0, 48 + 14);
  return withFixups(page, 30);
}

/** Writes the update sequence number to the end of each 512 bytes, and the original bytes to the array at `at`. */
function withFixups(bytes: Buffer, at: number): Buffer {
  const strides = bytes.length / 512;
  bytes.writeUInt16LE(at, 4);
  bytes.writeUInt16LE(strides + 1, 6);
  bytes.writeUInt16LE(0x0007, at);
  for (let index = 1; index <= strides; index++) {
    const end = index * 512 - 2;
    bytes.writeUInt16LE(bytes.readUInt16LE(end), at + 2 * index);
    bytes.writeUInt16LE(0x0007, end);
  }
  return bytes;
}
