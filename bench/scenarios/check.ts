// How much of a disk `vhdup check` reads, and how long it takes, on a Windows of the usual size.
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../src/base/thrown.ts';
import { checkImage } from '../../src/check/check-image.ts';
import type { Scenario } from '../bench.ts';
import { measure } from '../command.ts';
import { vhdupCommand } from '../contenders.ts';
import { windowsDisk } from '../images/windows-disk.ts';

const GIB = 1024 ** 3;
const LIMIT_MS = 60_000;

export const check: Scenario = {
  name: 'check',
  title: 'check of a Windows disk of 127 GiB, VHDX',
  async run(bench) {
    let image: string;
    try {
      image = await windowsDisk(bench, bench.scaled(127 * GIB));
    } catch (error) {
      bench.note(`Skipped: ${messageOf(error)}`);
      return;
    }
    const { reads, bytes, passed } = await countReads(image);
    bench.figure('Rules that passed', passed, 'rules');
    bench.figure('Reads', reads, 'reads');
    bench.figure('Bytes read', bytes / 1024 ** 2, 'MiB');
    const times: number[] = [];
    const cpu: number[] = [];
    const folder = await mkdtemp(join(bench.folder, 'check-'));
    try {
      // The first run fills the cache of the system.
      for (let run = 0; run <= bench.options.repeat; run++) {
        const { wallMs, cpuSeconds, exitCode, output } = await measure(
          vhdupCommand({ caFile: undefined }, ['check', image]),
          {
            folder,
            limitMs: LIMIT_MS,
          },
        );
        if (exitCode !== 0) throw new Error(`vhdup check ended with ${exitCode}: ${output.slice(-2000)}`);
        if (run === 0) continue;
        times.push(wallMs / 1000);
        cpu.push(cpuSeconds);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    bench.figure('CPU time of the command', median(cpu) ?? Number.NaN, 's');
    bench.goal('Wall time of the command, warm, seconds', { atMost: 2 }, median(times));
    bench.goal('Bytes read, MiB', { atMost: 32 }, bytes / 1024 ** 2);
  },
};

function median(values: readonly number[]): number | undefined {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
}

/** Counts the reads of images in this process while the image is checked. */
async function countReads(image: string): Promise<{ reads: number; bytes: number; passed: number }> {
  const file = await open(image);
  const handles: Pick<FileHandle, 'readv'> = Object.getPrototypeOf(file);
  await file.close();
  const counts = { reads: 0, bytes: 0 };
  const original = handles.readv;
  handles.readv = async function (this: FileHandle, ...args: unknown[]) {
    const result = await Reflect.apply(original, this, args);
    counts.reads++;
    counts.bytes += result.bytesRead;
    return result;
  } as FileHandle['readv'];
  try {
    const report = await checkImage({ image });
    if (counts.reads === 0) throw new Error('No read was counted: ImageFile reads in another way.');
    if (report.result !== 'pass') throw new Error(`The disk does not pass: ${JSON.stringify(report.counts)}`);
    return { ...counts, passed: report.counts.pass };
  } finally {
    handles.readv = original;
  }
}
