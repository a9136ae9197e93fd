// FAT12, FAT16 and FAT32 through npm fatfs. Runs in a worker, because the library may throw outside of any handler, or hang, on a damaged file system.
import { createFileSystem, type FatFileSystem, type FatStats } from 'fatfs';
import { codeOf } from '../../base/thrown.ts';
import { type GuestEntry, type GuestFileSystem, MAX_GUEST_FILE, type ReadVolume } from './guest-protocol.ts';

const SECTOR = 512;
const CHUNK = 64 * 1024;

/** The minimum for FAT32. The library takes a FAT32 with fewer clusters for FAT16 and reads garbage. */
const MIN_FAT32_CLUSTERS = 65525;

/** @throws {Error} the library cannot open the file system. */
export async function openFat(readVolume: ReadVolume, size: number): Promise<GuestFileSystem> {
  requireSupported(Buffer.from(await readVolume(0, SECTOR)));
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

function requireSupported(bootSector: Buffer): void {
  const isFat32 = bootSector.readUInt16LE(22) === 0;
  const sectors = bootSector.readUInt16LE(19) || bootSector.readUInt32LE(32);
  const sectorsPerCluster = bootSector.readUInt8(13);
  if (sectorsPerCluster === 0) throw new Error('its clusters have 0 sectors');
  if (isFat32 && sectors / sectorsPerCluster < MIN_FAT32_CLUSTERS) {
    throw new Error(`it is FAT32 with fewer than ${MIN_FAT32_CLUSTERS} clusters`);
  }
}

async function look(fileSystem: FatFileSystem, path: string): Promise<GuestEntry> {
  try {
    const stats = await settled<FatStats>((done) => fileSystem.stat(path, done));
    if (!stats.isFile()) return { kind: 'other' };
    return { kind: 'file', size: stats.size, bytes: await readBeginning(fileSystem, path, stats.size) };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'NOENT' || code === 'NOTDIR') return { kind: 'absent' };
    // `stat` of the library opens its target, which fails for folders.
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
