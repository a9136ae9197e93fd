// Downloads: a nearly empty disk, and a disk of random data, compared with AzCopy.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { azcopyDownloadArgs, azcopyEnvironment, findAzcopy } from '../../test/support/azcopy.ts';
import type { Bench, Scenario } from '../bench.ts';
import { type Command, type Measured, measure } from '../command.ts';
import { vhdupCommand } from '../contenders.ts';
import { randomDisk } from '../images/random-disk.ts';
import { scatteredFixedVhd } from '../images/scattered-disk.ts';
import { Service } from '../service.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const LIMIT_MS = 10 * 60_000;
/** AzCopy checks no range, and the blobs have no Content-MD5: these are its checks. */
const EQUAL = 'vhdup --checksum none';
const AZCOPY = 'AzCopy';

export const download: Scenario = {
  name: 'download',
  title: 'Downloads: 30 GiB with 1 GiB in 512 pieces; 2 GiB of random data',
  async run(bench) {
    const data = { piece: 2 * MIB, pieces: bench.scaled(GIB, 64 * MIB) / (2 * MIB) };
    const sparse = await scatteredFixedVhd(bench, { size: bench.scaled(30 * GIB, GIB), ...data });
    await compareDownloads(bench, 'sparse', sparse, 0.5);
    await compareDownloads(bench, 'random', await randomDisk(bench, bench.scaled(2 * GIB)), 1);
  },
};

/** What downloads the blob at `url` to `file`; `home` is an empty folder. */
type Contender = (service: Service, url: string, file: string, home: string) => Promise<Command>;

const CONTENDERS: Readonly<Record<string, Contender>> = {
  vhdup: ours(),
  [EQUAL]: ours('--checksum', 'none'),
  'vhdup --format vhdx': ours('--format', 'vhdx'),
  [AZCOPY]: async (_, url, file, home) => {
    const found = await findAzcopy();
    if (found.path === undefined) throw new Error(found.reason);
    return { program: found.path, args: azcopyDownloadArgs(url, file), env: azcopyEnvironment(home) };
  },
};

function ours(...options: readonly string[]): Contender {
  return (service, url, file) => Promise.resolve(vhdupCommand(service, ['download', url, file, ...options]));
}

/** @param atMost - The goal for the time with equal checks, as a part of AzCopy's. */
async function compareDownloads(bench: Bench, title: string, image: string, atMost: number): Promise<void> {
  const folder = await mkdtemp(join(bench.folder, 'run-'));
  const service = await Service.start({ keeps: true }, folder);
  try {
    const url = service.newBlobUrl();
    const upload = ['upload', image, url, '--skip-checks', '--checkpoint', join(folder, 'checkpoint.json')];
    await run(vhdupCommand(service, upload), folder);
    const times = new Map<string, number[]>();
    for (let turn = 0; turn < bench.options.repeat; turn++) {
      for (const [name, contender] of Object.entries(CONTENDERS)) {
        const home = join(folder, 'home');
        await mkdir(home);
        const measured = await run(await contender(service, url, join(home, 'disk'), home), folder);
        await rm(home, { recursive: true });
        times.set(name, [...(times.get(name) ?? []), measured.wallMs]);
        bench.figure(`${title}, ${name}: wall time`, measured.wallMs / 1000, 's');
        bench.figure(`${title}, ${name}: CPU time`, measured.cpuSeconds, 's');
        bench.figure(`${title}, ${name}: peak memory`, measured.peakMemory / MIB, 'MiB');
        if (name === 'vhdup') {
          bench.goal(`${title}, ${name}: peak memory, MiB`, { atMost: 150 }, measured.peakMemory / MIB);
        }
      }
    }
    const [own, theirs] = [fastest(times.get(EQUAL)), fastest(times.get(AZCOPY))];
    bench.goal(`${title}: wall time with equal checks / AzCopy`, { atMost }, own / theirs);
  } finally {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(command: Command, folder: string): Promise<Measured> {
  const measured = await measure(command, { folder, limitMs: LIMIT_MS });
  if (measured.exitCode === 0) return measured;
  throw new Error(`${command.args.join(' ').replace(/\?\S*/, '')} ended with ${measured.exitCode}`);
}

/** The least disturbed run. */
function fastest(timesMs: readonly number[] = []): number {
  return Math.min(...timesMs);
}
