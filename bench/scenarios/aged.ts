// Disks whose free space is full of old data: what --skip-free saves at the limits of a page blob, beside AzCopy.
import { messageOf } from '../../src/base/thrown.ts';
import { type Bench, type Medians, ratio, type Scenario } from '../bench.ts';
import { azcopy, vhdup } from '../contenders.ts';
import { AGED, type AgedKind, agedDisk } from '../images/aged-disk.ts';
import { nonZeroPages } from '../images/non-zero-pages.ts';
import type { ServiceOptions } from '../service.ts';

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;
/** Scalability targets of a standard page blob. */
const PAGE_BLOB: ServiceOptions = { bytesPerSecond: 60 * MIB, requestsPerSecond: 500, latencyMs: 30 };

export const aged: Scenario = {
  name: 'aged',
  title: 'Aged disks of 8 GiB: free space full of old data',
  async run(bench) {
    const size = bench.scaled(8 * GIB);
    for (const kind of Object.keys(AGED) as AgedKind[]) {
      try {
        await compare(bench, kind, await agedDisk(bench, kind, size), size);
      } catch (error) {
        bench.note(`${kind} skipped: ${messageOf(error)}`);
      }
    }
  },
};

async function compare(bench: Bench, kind: AgedKind, image: string, size: number): Promise<void> {
  const bytes = await nonZeroPages(image, size);
  bench.figure(`Non-zero pages, ${kind}`, bytes / GIB, 'GiB');
  const contenders = [
    vhdup({ name: 'vhdup --skip-free', image, options: ['--skip-free'] }),
    vhdup({ image }),
    azcopy({ image }),
  ];
  const title = `${kind}, 60 MiB/s`;
  goals(bench, kind, await bench.compare({ title, bytes, contenders, service: PAGE_BLOB, repeat: 1 }));
}

function goals(bench: Bench, kind: AgedKind, median: Medians): void {
  const [ours, plain, theirs] = [median('vhdup --skip-free'), median('vhdup'), median('AzCopy')];
  bench.goal(`${kind}: bytes on the wire / without --skip-free`, { atMost: 0.7 }, ratio(ours, plain, 'bytesOnWire'));
  bench.goal(`${kind}: wall time / without --skip-free`, { atMost: 0.7 }, ratio(ours, plain, 'wallMs'));
  bench.goal(`${kind}: wall time / AzCopy`, { atMost: 0.7 }, ratio(ours, theirs, 'wallMs'));
}
