// A real Linux disk: 30 GiB with GPT, ext4 and a few GB of files. AzCopy can upload only the fixed VHD.
import { messageOf } from '../../src/base/thrown.ts';
import { type Bench, type Medians, ratio, type Scenario } from '../bench.ts';
import { azcopy, vhdup } from '../contenders.ts';
import { type LinuxDisk, linuxDisk } from '../images/linux-disk.ts';
import { nonZeroPages } from '../images/non-zero-pages.ts';

const GIB = 1024 ** 3;

export const linux: Scenario = {
  name: 'linux',
  title: 'A Linux disk of 30 GiB with a few GB of files',
  async run(bench) {
    const size = bench.scaled(30 * GIB);
    let disk: LinuxDisk;
    try {
      disk = await linuxDisk(bench, size);
    } catch (error) {
      bench.note(`Skipped: ${messageOf(error)}`);
      return;
    }
    const bytes = await nonZeroPages(disk.fixed, size);
    bench.figure('Non-zero pages', bytes / GIB, 'GiB');
    const contenders = [
      vhdup({ name: 'vhdup, fixed', image: disk.fixed }),
      azcopy({ name: 'AzCopy, fixed', image: disk.fixed }),
      vhdup({ name: 'vhdup, dynamic', image: disk.dynamic }),
      azcopy({ name: 'AzCopy, fixed, pacer off', image: disk.fixed, paced: false }),
      vhdup({ name: 'vhdup, VHDX', image: disk.vhdx }),
    ];
    goals(bench, bytes, await bench.compare({ title: 'Plain HTTP', bytes, contenders }));
  },
};

function goals(bench: Bench, bytes: number, median: Medians): void {
  const theirs = median('AzCopy, fixed');
  bench.goal('Wall time, fixed / AzCopy', { atMost: 0.25 }, ratio(median('vhdup, fixed'), theirs, 'wallMs'));
  for (const format of ['fixed', 'dynamic', 'VHDX']) {
    const ours = median(`vhdup, ${format}`);
    bench.goal(`Bytes on the wire, ${format} / non-zero pages`, { atMost: 1.06 }, ours && ours.bytesOnWire / bytes);
    bench.goal(`Requests, ${format} / AzCopy`, { atMost: 1.05 }, ratio(ours, theirs, 'requests'));
  }
}
