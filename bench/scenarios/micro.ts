// The inner loops alone, on one thread.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { RangeSet } from '../../src/base/range-set.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { checkFooter, decodeFooter, encodeFixedFooter, footerFields } from '../../src/image/vhd/footer.ts';
import type { Checkpoint } from '../../src/state/checkpoint.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { CRC64_DATA_START, compileCrc64, newCrc64Memory } from '../../src/transfer/crc64/crc64.ts';
import { planTotals, planWindows } from '../../src/transfer/plan.ts';
import { findRuns } from '../../src/transfer/zero-pages.ts';
import { patternOf } from '../../test/support/vhd-builder.ts';
import type { Bench, Scenario } from '../bench.ts';
import { scatteredDynamicVhd, scatteredVhdx } from '../images/scattered-disk.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

export const micro: Scenario = {
  name: 'micro',
  title: 'Micro benchmarks, one thread',
  async run(bench) {
    await zeroScan(bench);
    await crc64(bench);
    await footer(bench);
    await batWalk(bench);
    await checkpointSave(bench);
  },
};

async function zeroScan(bench: Bench): Promise<void> {
  const windows = {
    'all zero': new Uint8Array(WINDOW_SIZE),
    'no zero page': patternOf(1, WINDOW_SIZE),
    'every other page zero': new Uint8Array(WINDOW_SIZE),
  };
  for (let at = 0; at < WINDOW_SIZE; at += 1024) windows['every other page zero'].fill(1, at, at + 512);
  for (const [name, bytes] of Object.entries(windows)) {
    const seconds = await secondsOf(() => findRuns(bytes));
    bench.figure(`Runs of a window, ${name}`, WINDOW_SIZE / seconds / GIB, 'GiB/s');
  }
}

async function crc64(bench: Bench): Promise<void> {
  const memory = newCrc64Memory(WINDOW_SIZE);
  const { exports } = new WebAssembly.Instance(compileCrc64(), { env: { memory } });
  for (const [name, size] of Object.entries({ 'a window': WINDOW_SIZE, '64 KiB': 64 * KIB })) {
    const seconds = await secondsOf(() => exports.crc64(CRC64_DATA_START, CRC64_DATA_START + size));
    bench.figure(`CRC64 of ${name}`, size / seconds / GIB, 'GiB/s');
  }
}

async function footer(bench: Bench): Promise<void> {
  const bytes = encodeFixedFooter({ size: 127 * GIB, uniqueId: new Uint8Array(16), timestamp: 1 });
  const times = 1000;
  const seconds = await secondsOf(() => {
    for (let time = 0; time < times; time++) {
      const fields = footerFields(bytes, 'disk.vhd', 127 * GIB);
      checkFooter(decodeFooter(fields), fields);
    }
  });
  bench.figure('Footer decoded and checked', (seconds / times) * 1e6, 'µs');
}

/** Measures from opening the image to its last window. */
async function batWalk(bench: Bench): Promise<void> {
  const data = { piece: 2 * MIB, pieces: 32 };
  const images = {
    '2 TiB dynamic VHD': await scatteredDynamicVhd(bench, { size: 2040 * GIB, ...data }),
    '64 TiB VHDX, blocks of 32 MiB': await scatteredVhdx(bench, { size: 64 * TIB, ...data }, 32 * MIB),
    '64 TiB VHDX, blocks of 2 MiB': await scatteredVhdx(bench, { size: 64 * TIB, ...data }),
  };
  const nothing = new RangeSet([]);
  for (const [name, path] of Object.entries(images)) {
    const seconds = await secondsOf(async () => {
      const image = await openDiskImage(path);
      try {
        await planTotals(planWindows({ diskSize: image.size, extents: () => image.extents() }), nothing);
      } finally {
        await image.close();
      }
    });
    bench.figure(`BAT walk, ${name}`, seconds * 1000, 'ms');
  }
}

/** With 64 ranges, as many as windows in flight can leave. */
async function checkpointSave(bench: Bench): Promise<void> {
  const folder = await mkdtemp(join(bench.folder, 'run-'));
  try {
    const file = new CheckpointFile(join(folder, 'checkpoint.json'));
    const done = Array.from({ length: 64 }, (_, index) => ({ offset: index * TIB, length: TIB - WINDOW_SIZE }));
    const checkpoint: Checkpoint = {
      uploadId: '00000000-0000-0000-0000-000000000000',
      startedAt: '2026-01-01T00:00:00.000Z',
      image: [{ name: 'disk.vhdx', size: TIB, modifiedMs: 0, diskId: '0'.repeat(32) }],
      diskSize: 64 * TIB,
      trustUnmarkedSectors: false,
      blobUrl: 'https://account.blob.core.windows.net/vhds/disk.vhd',
      blobSize: 64 * TIB + 512,
      done,
      sent: { bytes: TIB, pages: '0'.repeat(16) },
      unverified: [],
      lease: { owner: { id: 'run', host: 'here', pid: 1, since: 'now' }, ids: ['run'] },
    };
    const seconds = await secondsOf(() => file.save(checkpoint));
    bench.figure('Checkpoint of 64 TiB saved', seconds * 1000, 'ms');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const WARM_UP_MS = 200;
const MEASURE_MS = 1000;

/** The median time of one call, in seconds. */
async function secondsOf(work: () => unknown): Promise<number> {
  const warmUntilMs = performance.now() + WARM_UP_MS;
  do await work();
  while (performance.now() < warmUntilMs);
  const samples: number[] = [];
  const untilMs = performance.now() + MEASURE_MS;
  do {
    const startMs = performance.now();
    await work();
    samples.push(performance.now() - startMs);
  } while (performance.now() < untilMs || samples.length < 3);
  samples.sort((one, other) => one - other);
  return (samples[Math.floor(samples.length / 2)] ?? Number.NaN) / 1000;
}
