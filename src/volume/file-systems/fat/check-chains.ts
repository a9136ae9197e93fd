// Compares the allocation table with all files: a cluster of a file that the table calls free proves it wrong.
import { ClusterCount, type ClusterReader } from '../cluster-chain.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { decodeEntries, type FatEntry } from './folder-entries.ts';

/** The specification allows 65,536 entries of 32 bytes. */
const MAX_FOLDER = 65_536 * 32;
/** More folders are not walked. */
const MAX_FOLDERS = 2 ** 20;

/**
 * Follows the clusters of every file and folder.
 * @param root Entries of the root folder.
 * @throws {UnreadableError} a chain leads to a free cluster, is too short, or is that of several files; or folders form a circle.
 */
export async function checkChains(clusters: ClusterReader, root: readonly FatEntry[]): Promise<void> {
  const { clusterSize } = clusters.table;
  const counted = new ClusterCount(clusters.table);
  const seen = new Set<number>();
  const waiting: (readonly FatEntry[])[] = [root];
  for (let entries = waiting.pop(); entries !== undefined; entries = waiting.pop()) {
    for (const { isFolder, cluster, size } of entries) {
      if (cluster === 0 && !isFolder && size === 0) continue;
      if (isFolder) {
        if (seen.has(cluster) || seen.size === MAX_FOLDERS) {
          throw new UnreadableError('its folders form a circle, or are too many to compare');
        }
        seen.add(cluster);
        const bytes = await clusters.readAll(cluster, MAX_FOLDER, `the folder at cluster ${cluster}`);
        counted.add(bytes.length / clusterSize);
        waiting.push(decodeEntries(bytes));
        continue;
      }
      let length = 0;
      const what = `the file at cluster ${cluster}`;
      for await (const { count } of clusters.chain(cluster, what)) {
        counted.add(count);
        length += count * clusterSize;
      }
      if (length < size) throw new UnreadableError(`${what} has ${length} of ${size} bytes in the allocation table`);
    }
  }
}
