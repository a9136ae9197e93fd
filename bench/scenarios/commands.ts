// Commands other than a whole upload: resume, dry run, verification.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench, Scenario } from '../bench.ts';
import { type Measured, measure } from '../command.ts';
import { vhdupCommand } from '../contenders.ts';
import { randomDisk } from '../images/random-disk.ts';
import { scatteredDynamicVhd } from '../images/scattered-disk.ts';
import { Service, type ServiceOptions } from '../service.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;
const LIMIT_MS = 10 * 60_000;
const SIGINT_EXIT = 130;

export const commands: Scenario = {
  name: 'commands',
  title: 'Resume of 1 TiB at 50 %; dry run of 2 TiB; verify --full',
  async run(bench) {
    await resume(bench);
    await dryRun(bench);
    await verifyFull(bench);
  },
};

const PIECE = 4 * KIB;
const DISTANCE = 64 * MIB;
const FOOTER = 512;

/** A dynamic disk with one block per 64 MiB and 4 KiB of data per block: 16,384 requests, stopped by Ctrl-C after half of them. */
async function resume(bench: Bench): Promise<void> {
  const size = bench.scaled(TIB, DISTANCE);
  const pieces = size / DISTANCE;
  const image = await scatteredDynamicVhd(bench, { size, piece: PIECE, pieces });
  await withService(bench, {}, async (service, folder) => {
    const checkpoint = join(folder, 'checkpoint.json');
    const command = vhdupCommand(service, [
      'upload',
      image,
      service.newBlobUrl(),
      '--json',
      '--checkpoint',
      checkpoint,
    ]);
    const bytes = pieces * PIECE;
    // Progress is reported once per second, so the first run has to take about ten seconds.
    const slowed = { ...command, args: [...command.args, '--max-rate', `${Math.ceil(bytes / 10 / KIB)}KiB/s`] };
    const onOutput = (output: string) => (lastSent(output) >= bytes / 2 ? ('SIGINT' as const) : undefined);
    const stopped = await measure(slowed, { folder, limitMs: LIMIT_MS, onOutput });
    const before = await service.counters();
    expectExit(stopped, SIGINT_EXIT);
    const acknowledged: number = JSON.parse(await readFile(checkpoint, 'utf8')).sent.bytes;
    const resumed = await measure(command, { folder, limitMs: LIMIT_MS });
    const after = await service.counters();
    expectExit(resumed, 0);

    const firstPut = ((after.firstPutPageAt ?? Number.NaN) - resumed.startedAt) / 1000;
    bench.figure('Resume: done before the stop', (before.bytesCommitted / bytes) * 100, '%');
    bench.figure('Resume: whole second run', resumed.wallMs / 1000, 's');
    bench.figure('Resume: peak memory of the second run', resumed.peakMemory / MIB, 'MiB');
    // Pages in flight at the stop: the service wrote them, but vhdup did not get the answer.
    bench.figure('Resume: pages written twice', after.bytesRewritten / PIECE, '');
    bench.goal('Resume: first new Put Page, seconds', { atMost: 1 }, firstPut);
    const needed = bytes - acknowledged + FOOTER;
    bench.goal('Resume: acknowledged bytes sent again', { atMost: 0 }, after.bytesCommitted - needed);
  });
}

async function dryRun(bench: Bench): Promise<void> {
  const scatter = { size: 2040 * GIB, piece: 2 * MIB, pieces: bench.scaled(GIB, 64 * MIB) / (2 * MIB) };
  const image = await scatteredDynamicVhd(bench, scatter);
  const folder = await mkdtemp(join(bench.folder, 'run-'));
  try {
    const command = vhdupCommand({ caFile: undefined }, ['upload', image, '--dry-run']);
    const measured = await measure(command, { folder, limitMs: LIMIT_MS });
    expectExit(measured, 0);
    bench.figure('Dry run of 2 TiB dynamic with 1 GiB: wall time', measured.wallMs / 1000, 's');
    bench.figure('Dry run of 2 TiB dynamic with 1 GiB: peak memory', measured.peakMemory / MIB, 'MiB');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Without latency, the service answers too fast for 64 requests to be in flight at once. */
const FULL_RUNS = [
  { threads: 'auto', latencyMs: 0, atMost: 150 },
  { threads: '64', latencyMs: 300, atMost: 350 },
];

async function verifyFull(bench: Bench): Promise<void> {
  const size = bench.scaled(2 * GIB);
  const image = await randomDisk(bench, size);
  for (const { threads, latencyMs, atMost } of FULL_RUNS) {
    await withService(bench, { keeps: true, latencyMs }, async (service, folder) => {
      const url = service.newBlobUrl();
      const upload = ['upload', image, url, '--threads', '64', '--checkpoint', join(folder, 'checkpoint.json')];
      expectExit(await measure(vhdupCommand(service, upload), { folder, limitMs: LIMIT_MS }), 0);
      const command = vhdupCommand(service, ['verify', image, url, '--full', '--threads', threads]);
      const verify = await measure(command, { folder, limitMs: LIMIT_MS });
      expectExit(verify, 0);
      const title = `verify --full --threads ${threads} of 2 GiB at ${latencyMs} ms`;
      bench.figure(`${title}: throughput`, (size * 1000) / verify.wallMs / MIB, 'MiB/s');
      bench.goal(`${title}: peak memory, MiB`, { atMost }, verify.peakMemory / MIB);
    });
  }
}

async function withService(
  bench: Bench,
  options: ServiceOptions,
  run: (service: Service, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(bench.folder, 'run-'));
  const service = await Service.start(options, folder);
  try {
    await run(service, folder);
  } finally {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** `sent` of the last progress event in the output of `--json`. */
function lastSent(output: string): number {
  const line = output.split('\n').findLast((text) => text.startsWith('{"type":"progress"') && text.endsWith('}'));
  return line === undefined ? 0 : (JSON.parse(line) as { sent: number }).sent;
}

function expectExit({ exitCode, output }: Measured, expected: number): void {
  if (exitCode !== expected) throw new Error(`vhdup ended with ${exitCode}, not ${expected}: ${output.slice(-400)}`);
}
