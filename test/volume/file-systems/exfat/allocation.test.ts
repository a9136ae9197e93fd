import { describe, expect, it } from 'vitest';
import { ClusterReader } from '../../../../src/volume/file-systems/cluster-chain.ts';
import { Allocation } from '../../../../src/volume/file-systems/exfat/allocation.ts';
import { volumeOfBytes } from '../../../support/memory-volume.ts';

const CLUSTERS = 4096;
const CLUSTER = 512;
const NO_FOLDERS = () => Promise.reject(new Error('There are no folders.'));

/** A volume whose bitmap, in the first cluster, says that all clusters are in use. */
async function full() {
  const tableLength = 4 * (CLUSTERS + 2);
  const bytes = Buffer.alloc(tableLength + CLUSTER, 0xff);
  const table = { bits: 32, offset: 0, clusterSize: CLUSTER, dataOffset: tableLength, clusters: CLUSTERS } as const;
  const reader = new ClusterReader(volumeOfBytes(bytes), table);
  const allocation = await Allocation.read(reader, {
    entries: [],
    bitmap: { cluster: 2, size: CLUSTER },
    upCaseTable: undefined,
  });
  const compare = (...files: readonly { readonly cluster: number; readonly clusters: number }[]) => {
    const entries = files.map(({ cluster, clusters }) => {
      const size = clusters * CLUSTER;
      return { name: 'a', isFolder: false, cluster, size, written: size, isContiguous: true };
    });
    return allocation.requireFiles(reader, { entries, bitmap: undefined, upCaseTable: undefined }, NO_FOLDERS);
  };
  return { compare };
}

describe('Allocation', () => {
  it('accepts files that have all clusters but those of the bitmap', async () => {
    const { compare } = await full();
    await compare({ cluster: 3, clusters: 1000 }, { cluster: 1003, clusters: CLUSTERS - 1001 });
  });

  it('refuses files that share clusters', async () => {
    const { compare } = await full();
    const file = { cluster: 3, clusters: CLUSTERS - 1 };
    await expect(compare(file, file)).rejects.toThrow('several of its files use the same clusters');
  });
});
