// Peak memory of each line of Node and of the Linux executable, at default settings.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../src/base/thrown.ts';
import { LINES, nodeOfLine } from '../../test/nodes/lines.ts';
import type { Bench, Scenario } from '../bench.ts';
import { measure } from '../command.ts';
import { nodeProgram, type Program, vhdupCommand } from '../contenders.ts';
import { randomDisk } from '../images/random-disk.ts';
import { agedDisk, singlePages } from '../images/small-runs-disk.ts';
import { Service, type ServiceOptions } from '../service.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const LIMIT_MS = 10 * 60_000;
/** MiB. */
const GOAL = 150;
const EXECUTABLE_ZIP = fileURLToPath(new URL('../../dist/exe/vhdup-linux-x64.zip', import.meta.url));

export const memory: Scenario = {
  name: 'memory',
  title: 'Peak memory of each line of Node and of the executable, at default settings',
  async run(bench) {
    const programs = await allPrograms(bench);
    const [large, small] = [
      await randomDisk(bench, bench.scaled(8 * GIB)),
      await randomDisk(bench, bench.scaled(2 * GIB)),
    ];
    const pages = await singlePages(bench, bench.scaled(GIB), 128 * KIB);
    const full = { keeps: true };
    const cases: Case[] = [
      { title: 'upload, 8 GiB of random data', command: (url) => ['upload', large, url] },
      { title: 'upload over TLS, 2 GiB', service: { tls: true }, command: (url) => ['upload', small, url] },
      { title: 'upload, one page in each 128 KiB', command: (url) => ['upload', pages, url] },
      {
        title: 'verify --full, 2 GiB',
        service: full,
        uploads: small,
        command: (url) => ['verify', small, url, '--full'],
      },
      {
        title: 'download, 2 GiB',
        service: full,
        uploads: small,
        command: (url, home) => ['download', url, join(home, 'disk.vhd')],
      },
    ];
    try {
      const ext4 = await agedDisk(bench, bench.scaled(GIB));
      cases.push({ title: 'upload --skip-free, aged ext4', command: (url) => ['upload', ext4, url, '--skip-free'] });
    } catch (error) {
      bench.note(`upload --skip-free was not measured: ${messageOf(error)}`);
    }
    for (const one of cases) await measureCase(bench, programs, one);
  },
};

interface Case {
  readonly title: string;
  /** @default a server that discards */
  readonly service?: ServiceOptions;
  /** The image whose content the blob has before. */
  readonly uploads?: string;
  /** `home` is an empty folder. */
  readonly command: (url: string, home: string) => string[];
}

/** By their names. The executable comes out of its zip, as users get it. */
async function allPrograms(bench: Bench): Promise<Map<string, Program>> {
  const programs = new Map<string, Program>([[`Node ${process.versions.node}`, nodeProgram(process.execPath)]]);
  for (const line of LINES) programs.set(`Node ${line.version}`, nodeProgram(nodeOfLine(line)));
  if (!existsSync(EXECUTABLE_ZIP)) {
    bench.note('The executable was not measured: npm run build:exe.');
    return programs;
  }
  const folder = join(bench.folder, 'executable');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  execFileSync('unzip', ['-q', EXECUTABLE_ZIP, '-d', folder]);
  return programs.set('Executable', [join(folder, 'vhdup')]);
}

/** The programs alternate. The largest value of all runs counts. */
async function measureCase(bench: Bench, programs: ReadonlyMap<string, Program>, one: Case): Promise<void> {
  const peaks = new Map<string, number>();
  for (let turn = 0; turn < bench.options.repeat; turn++) {
    for (const [name, program] of programs) {
      const peak = await peakOf(bench, program, one);
      peaks.set(name, Math.max(peak, peaks.get(name) ?? 0));
    }
  }
  for (const [name, peak] of peaks) bench.goal(`${one.title}: ${name}, MiB`, { atMost: GOAL }, peak / MIB);
}

/** In bytes. */
async function peakOf(
  bench: Bench,
  program: Program,
  { service: options = { keeps: false }, uploads, command }: Case,
): Promise<number> {
  const folder = await mkdtemp(join(bench.folder, 'run-'));
  const service = await Service.start(options, folder);
  try {
    const url = service.newBlobUrl();
    const run = async (args: readonly string[]) => {
      const measured = await measure(vhdupCommand(service, args, program), { folder, limitMs: LIMIT_MS });
      if (measured.exitCode === 0) return measured.peakMemory;
      throw new Error(`vhdup ${args[0]} ended with ${measured.exitCode}: ${measured.output.slice(-400)}`);
    };
    const checkpoint = ['--checkpoint', join(folder, 'checkpoint.json')];
    if (uploads !== undefined) await run(['upload', uploads, url, ...checkpoint]);
    const args = command(url, folder);
    return await run(args[0] === 'upload' ? [...args, ...checkpoint] : args);
  } finally {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  }
}
