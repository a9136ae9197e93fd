// Large disks with 1 GiB of data: 127 GiB fixed, 2 TiB dynamic, 64 TiB VHDX. Unallocated space must cost nothing.
// Azure accepts 8 TiB; the test server accepts more.
import { type Bench, type Medians, ratio, type Scenario } from '../bench.ts';
import { azcopy, vhdup } from '../contenders.ts';
import { scatteredDynamicVhd, scatteredFixedVhd, scatteredVhdx } from '../images/scattered-disk.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;
/** The largest dynamic VHD; Hyper-V calls it 2 TiB. */
const LARGEST_DYNAMIC = 2040 * GIB;
const REFERENCE = '2 GiB fixed';
const FIXED = '127 GiB fixed';

export const sparse: Scenario = {
  name: 'sparse',
  title: 'Nearly empty disks with 1 GiB in 512 scattered pieces',
  async run(bench) {
    const data = { piece: 2 * MIB, pieces: bench.scaled(GIB, 64 * MIB) / (2 * MIB) };
    const images = {
      [REFERENCE]: await scatteredFixedVhd(bench, { size: 2 * GIB, ...data }),
      [FIXED]: await scatteredFixedVhd(bench, { size: 127 * GIB, ...data }),
      '2 TiB dynamic': await scatteredDynamicVhd(bench, { size: LARGEST_DYNAMIC, ...data }),
      '64 TiB VHDX, blocks of 32 MiB': await scatteredVhdx(bench, { size: 64 * TIB, ...data }, 32 * MIB),
      '64 TiB VHDX, blocks of 2 MiB': await scatteredVhdx(bench, { size: 64 * TIB, ...data }),
    };
    const contenders = [
      ...Object.entries(images).map(([name, image]) =>
        vhdup({ name, image, options: ['--skip-checks'], ...(name === FIXED ? { repeat: 1 } : {}) }),
      ),
      azcopy({ name: `AzCopy, ${FIXED}`, image: images[FIXED], repeat: 1 }),
    ];
    const bytes = data.piece * data.pieces;
    const service = { maxBlobSize: 65 * TIB };
    goals(bench, Object.keys(images), await bench.compare({ title: 'Plain HTTP', bytes, contenders, service }));
  },
};

function goals(bench: Bench, names: readonly string[], median: Medians): void {
  const reference = median(REFERENCE);
  for (const name of names) {
    const run = median(name);
    bench.goal(`${name}: first Put Page, seconds`, { atMost: 0.5 }, run && run.firstPutMs / 1000);
    bench.goal(`${name}: peak memory, MiB`, { atMost: 150 }, run && run.peakMemory / MIB);
    if (name === REFERENCE) continue;
    bench.goal(`${name}: wall time / ${REFERENCE}`, { atMost: 2 }, ratio(run, reference, 'wallMs'));
    bench.goal(`${name}: peak memory / ${REFERENCE}`, { atMost: 1.25 }, ratio(run, reference, 'peakMemory'));
  }
}
