// One map of the disk from everything that is known: the manifest, and the maps and requests of all runs.
import type { MapFacts, ReportFacts, RunFacts } from './facts.ts';

/** Undefined if nothing is recorded. */
export function combinedMap({
  work,
  runs,
  manifest,
}: Pick<ReportFacts, 'work' | 'runs' | 'manifest'>): MapFacts | undefined {
  const own = runs.filter((run) => run.work === work);
  const last = own.at(-1);
  if (last?.map !== undefined && isComplete(last)) return last.map;
  // Of several runs, only the manifest knows exactly what each of them did.
  if (manifest !== undefined && work === 'upload') return manifest.map;
  const maps = own.map(({ map }) => map).filter((map) => map !== undefined);
  return maps.reduce<MapFacts | undefined>((one, other) => (one === undefined ? other : joined(one, other)), undefined);
}

/** Whether the map of this run needs no other: nothing was done before it. */
function isComplete({ map }: RunFacts): boolean {
  return map?.read !== undefined && map.before.every((bytes) => bytes === 0);
}

/** Cells are added: what two runs have moved counts once, as far as a cell can show it. */
function joined(one: MapFacts, other: MapFacts): MapFacts {
  if (one.size !== other.size || one.cellSize !== other.cellSize) return other;
  const capacity = (cell: number) => Math.min(other.cellSize, other.size - cell * other.cellSize);
  const add = (first: readonly number[], second: readonly number[]) =>
    Array.from({ length: Math.max(first.length, second.length) }, (_, cell) =>
      Math.min((first[cell] ?? 0) + (second[cell] ?? 0), capacity(cell)),
    );
  const read = one.read === undefined && other.read === undefined ? undefined : add(one.read ?? [], other.read ?? []);
  return {
    size: other.size,
    cellSize: other.cellSize,
    moved: add(one.moved, other.moved),
    read,
    before: other.before,
    kept: add(one.kept, other.kept),
  };
}
