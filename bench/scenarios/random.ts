// 8 GiB of random data in a fixed VHD. Nothing can be skipped and nothing is slow, so the figures show the cost of the tools.
import { availableParallelism } from 'node:os';
import { type Bench, type Medians, ratio, type Scenario } from '../bench.ts';
import { azcopy, vhdup } from '../contenders.ts';
import { randomDisk } from '../images/random-disk.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

export const random: Scenario = {
  name: 'random',
  title: '8 GiB of random data, fixed VHD, no limits',
  async run(bench) {
    const size = bench.scaled(8 * GIB);
    const image = await randomDisk(bench, size);
    const contenders = [
      vhdup({ image }),
      azcopy({ image }),
      vhdup({ image, name: 'vhdup --checksum none', options: ['--checksum', 'none'] }),
      azcopy({ image, paced: false }),
      vhdup({ image, name: 'vhdup --threads 64', options: ['--threads', '64'] }),
    ];
    const all = await bench.compare({ title: 'Plain HTTP', bytes: size, contenders });
    speedGoals(bench, all, '');
    memoryGoals(bench, all);
    if (availableParallelism() > TWO_CORES) {
      const two = await bench.compare({ title: 'Plain HTTP, on two cores', bytes: size, contenders, cores: TWO_CORES });
      speedGoals(bench, two, ', on two cores');
    }
    await bench.compare({ title: 'TLS', bytes: size, contenders, service: { tls: true } });
  },
};

/** The goals were set on a machine with two cores, which tools and server share. */
const TWO_CORES = 2;

function speedGoals(bench: Bench, median: Medians, where: string): void {
  const [ours, bare] = [median('vhdup'), median('vhdup --checksum none')];
  const [theirs, best] = [median('AzCopy'), median('AzCopy, pacer off')];
  const throughput = 'bytesPerSecond';
  bench.goal(`Throughput with checksums / AzCopy${where}`, { atLeast: 3 }, ratio(ours, theirs, throughput));
  bench.goal(`Throughput with checksums / AzCopy, pacer off${where}`, { atLeast: 1.1 }, ratio(ours, best, throughput));
  bench.goal(
    `Throughput without checksums / AzCopy, pacer off${where}`,
    { atLeast: 1.5 },
    ratio(bare, best, throughput),
  );
  bench.goal(`CPU time with checksums / AzCopy${where}`, { atMost: 0.5 }, ratio(ours, theirs, 'cpuSeconds'));
  const cheapest = theirs !== undefined && best !== undefined && theirs.cpuSeconds < best.cpuSeconds ? theirs : best;
  bench.goal(
    `CPU time without checksums / AzCopy at its best${where}`,
    { atMost: 0.65 },
    ratio(bare, cheapest, 'cpuSeconds'),
  );
}

function memoryGoals(bench: Bench, median: Medians): void {
  const [ours, wide] = [median('vhdup'), median('vhdup --threads 64')];
  bench.goal('Peak memory with defaults, MiB', { atMost: 150 }, ours && ours.peakMemory / MIB);
  bench.goal('Peak memory with 64 threads, MiB', { atMost: 350 }, wide && wide.peakMemory / MIB);
}
