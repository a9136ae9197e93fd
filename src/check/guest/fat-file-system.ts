// FAT12, FAT16 and FAT32 through npm fatfs. Runs in a worker: on a damaged file system the library may throw where nobody catches, or never end.
import { createFileSystem, type FatFileSystem, type FatStats } from 'fatfs';
import { type GuestEntry, type GuestFileSystem, MAX_GUEST_FILE, type ReadVolume } from './guest-protocol.ts';

const SECTOR = 512;
const CHUNK = 64 * 1024;

/** A FAT32 has more clusters; the library takes one with fewer for a FAT16 and reads nonsense. */
const MIN_FAT32_CLUSTERS = 65525;

/** @throws {Error} the library cannot use the file system. */
export async function openFat(readVolume: ReadVolume, size: number): Promise<GuestFileSystem> {
  requireUsual(Buffer.from(await readVolume(0, SECTOR)));
  const fileSystem = createFileSystem(
    {
      sectorSize: SECTOR,
      numSectors: Math.floor(size / SECTOR),
      readSectors(sector, into, done) {
        readVolume(sector * SECTOR, into.length).then((bytes) => {
          into.set(bytes);
          done(null);
        }, done);
      },
    },
    { ro: true },
  );
  await new Promise<void>((resolve, reject) => {
    fileSystem.once('ready', resolve);
    fileSystem.on('error', reject);
  });
  return { look: (path) => look(fileSystem, path) };
}

function requireUsual(bootSector: Buffer): void {
  const isFat32 = bootSector.readUInt16LE(22) === 0;
  const sectors = bootSector.readUInt16LE(19) || bootSector.readUInt32LE(32);
  const sectorsPerCluster = bootSector.readUInt8(13);
  if (sectorsPerCluster === 0) throw new Error('its clusters have no sectors');
  if (isFat32 && sectors / sectorsPerCluster < MIN_FAT32_CLUSTERS) {
    throw new Error(`it is a FAT32 with fewer than ${MIN_FAT32_CLUSTERS} clusters`);
  }
}

async function look(fileSystem: FatFileSystem, path: string): Promise<GuestEntry> {
  try {
    const stats = await settled<FatStats>((done) => fileSystem.stat(path, done));
    if (!stats.isFile()) return { kind: 'other' };
    return { kind: 'file', size: stats.size, bytes: await readBeginning(fileSystem, path, stats.size) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'NOENT' || code === 'NOTDIR') return { kind: 'absent' };
    // The library opens what it is asked to describe, and opens no folder.
    if (code === 'ISDIR') return { kind: 'directory', names: await settled((done) => fileSystem.readdir(path, done)) };
    throw error;
  }
}

async function readBeginning(fileSystem: FatFileSystem, path: string, size: number): Promise<Uint8Array> {
  const file = await settled<number>((done) => fileSystem.open(path, 'r', done));
  const bytes = Buffer.alloc(Math.min(size, MAX_GUEST_FILE));
  for (let at = 0; at < bytes.length; ) {
    const wanted = Math.min(CHUNK, bytes.length - at);
    const read = await settled<number>((done) => fileSystem.read(file, bytes, at, wanted, at, done));
    if (read <= 0) return bytes.subarray(0, at);
    at += read;
  }
  return bytes;
}

function settled<Value>(start: (done: (error: Error | null, value: Value) => void) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value)));
  });
}
