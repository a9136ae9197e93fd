// Many small runs: an aged file system, and one page in each 64 KiB, where gaps cost the most if they are sent.
import { messageOf } from '../../src/base/thrown.ts';
import type { Scenario } from '../bench.ts';
import { azcopy, vhdup } from '../contenders.ts';
import { nonZeroPages } from '../images/non-zero-pages.ts';
import { agedDisk, singlePages } from '../images/small-runs-disk.ts';

const KIB = 1024;
const GIB = 1024 ** 3;

export const smallRuns: Scenario = {
  name: 'small-runs',
  title: 'Many small runs: an aged file system of 4 GiB, and one page in each 64 KiB',
  async run(bench) {
    const size = bench.scaled(4 * GIB);
    const compare = async (title: string, image: string) => {
      const bytes = await nonZeroPages(image, size);
      const contenders = [vhdup({ image }), azcopy({ image }), azcopy({ image, paced: false })];
      const median = await bench.compare({ title, bytes, contenders });
      const ours = median('vhdup');
      if (ours !== undefined)
        bench.figure(`${title}: bytes on the wire / non-zero pages`, ours.bytesOnWire / bytes, '');
    };
    try {
      await compare('Aged ext4', await agedDisk(bench, size));
    } catch (error) {
      bench.note(`Aged ext4 skipped: ${messageOf(error)}`);
    }
    await compare('One page in 64 KiB', await singlePages(bench, size, 64 * KIB));
  },
};
