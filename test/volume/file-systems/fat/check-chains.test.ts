import { describe, expect, it } from 'vitest';
import { ClusterReader } from '../../../../src/volume/file-systems/cluster-chain.ts';
import { checkChains } from '../../../../src/volume/file-systems/fat/check-chains.ts';
import { volumeOfBytes } from '../../../support/memory-volume.ts';

const CLUSTERS = 50_000;
const CLUSTER = 512;

/** A FAT16 whose table chains all clusters from the first to the last. */
function chained(): ClusterReader {
  const bytes = Buffer.alloc(2 * (CLUSTERS + 2));
  for (let cluster = 2; cluster < CLUSTERS + 2; cluster++) {
    bytes.writeUInt16LE(cluster === CLUSTERS + 1 ? 0xffff : cluster + 1, 2 * cluster);
  }
  const table = { bits: 16, offset: 0, clusterSize: CLUSTER, dataOffset: bytes.length, clusters: CLUSTERS } as const;
  return new ClusterReader(volumeOfBytes(bytes), table);
}

const fileAt = (cluster: number, size = 1) => ({ name: 'a', shortName: 'A', isFolder: false, cluster, size });

describe('checkChains', () => {
  it('accepts a file that has all clusters, and an empty one', async () => {
    await checkChains(chained(), [fileAt(2, CLUSTERS * CLUSTER), fileAt(0, 0)]);
  });

  it('refuses files that share clusters, without following each of their chains', async () => {
    const many = Array.from({ length: 65_536 }, () => fileAt(2));
    await expect(checkChains(chained(), many)).rejects.toThrow('several of its files use the same clusters');
  });

  it('refuses a file that is longer than its chain', async () => {
    await expect(checkChains(chained(), [fileAt(CLUSTERS, 3 * CLUSTER)])).rejects.toThrow(
      `the file at cluster ${CLUSTERS} has 1024 of 1536 bytes`,
    );
  });
});
