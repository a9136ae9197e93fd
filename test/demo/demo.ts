// npm run demo: uploads a dynamic VHD to Azurite on this machine, downloads it, and compares both.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startAzurite } from '../support/azurite.ts';
import { serviceClient } from '../support/storage-account.ts';
import { buildVhd, patternOf, uniqueIdOf, type VhdContent } from '../support/vhd-builder.ts';

const MIB = 1024 * 1024;
const DISK_SIZE = 2048 * MIB;
const VHDUP = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'vhdup-demo-'));
const azurite = await startAzurite({ onDisk: true });
try {
  const contents: VhdContent[] = Array.from({ length: 40 }, (_, n) => ({
    offset: n * 50 * MIB,
    bytes: patternOf(n, 8 * MIB),
  }));
  const image = join(folder, 'demo disk.vhd');
  await buildVhd(image, { type: 'dynamic', size: DISK_SIZE, contents, uniqueId: uniqueIdOf(2026) });
  const fileSize = (await stat(image)).size;
  console.log(
    `A dynamic VHD of ${DISK_SIZE / MIB} MiB with 320 MiB of data: a file of ${Math.round(fileSize / MIB)} MiB.\n`,
  );

  await azurite.createContainer('vhds');
  const destination = azurite.sasUrl({ container: 'vhds', blob: 'demo.vhd', permissions: 'rw' });
  console.log('$ vhdup upload "demo disk.vhd" "http://127.0.0.1:.../vhds/demo.vhd?<SAS>"');
  await vhdup('upload', image, destination);

  console.log('\nDownloading the blob with the Storage SDK ...');
  const downloaded = join(folder, 'downloaded.vhd');
  await serviceClient(azurite).getContainerClient('vhds').getBlobClient('demo.vhd').downloadToFile(downloaded);

  console.log('$ vhdup convert "demo disk.vhd" expected.vhd');
  const converted = join(folder, 'expected.vhd');
  await vhdup('convert', image, converted);

  const made = sha256OfDisk(contents);
  const [returned, whole, expected] = await Promise.all([
    sha256(downloaded, DISK_SIZE),
    sha256(downloaded),
    sha256(converted),
  ]);
  console.log(`\nsha256 of the disk,      as created            ${made}`);
  console.log(`sha256 of the disk,      as downloaded         ${returned}`);
  console.log(`sha256 of the fixed VHD, as convert writes it  ${expected}`);
  console.log(`sha256 of the fixed VHD, as downloaded         ${whole}`);
  if (made !== returned || expected !== whole) throw new Error('The downloaded blob differs from the image.');
  console.log('\nIdentical.');
} finally {
  await azurite.close();
  await rm(folder, { recursive: true, force: true });
}

function vhdup(...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [VHDUP, ...args], { stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`vhdup ${args[0]} ended with ${code}.`))));
  });
}

/** The sha256 of the first `length` bytes. */
async function sha256(path: string, length = Number.POSITIVE_INFINITY): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { end: length - 1, highWaterMark: MIB })) hash.update(piece);
  return hash.digest('hex');
}

/** Computed from the contents alone, without a reader of vhdup. */
function sha256OfDisk(contents: readonly VhdContent[]): string {
  const hash = createHash('sha256');
  let position = 0;
  const zeros = Buffer.alloc(MIB);
  const zerosUntil = (end: number) => {
    for (; position < end; position += MIB) hash.update(zeros.subarray(0, Math.min(MIB, end - position)));
  };
  for (const { offset, bytes } of contents) {
    zerosUntil(offset);
    hash.update(bytes);
    position = offset + bytes.length;
  }
  zerosUntil(DISK_SIZE);
  return hash.digest('hex');
}
