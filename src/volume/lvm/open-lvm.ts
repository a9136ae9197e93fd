// Finds the volume groups of LVM2 on the physical volumes of a disk, and opens their logical volumes.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { UnreadableError, type VolumeBytes } from '../file-systems/opened-file-system.ts';
import { LogicalVolume } from './logical-volume.ts';
import { readMetadataText } from './metadata-area.ts';
import { parseMetadata } from './metadata-text.ts';
import { type PhysicalVolume, readPhysicalVolume } from './physical-volume.ts';
import { type DescribedGroup, type DescribedVolume, describeGroup } from './volume-group.ts';

export interface OpenedLogicalVolume {
  /** Name without that of the group. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Undefined if `reason` is not. */
  readonly volume: LogicalVolume | undefined;
  /** Why it is not read: "it is a snapshot". */
  readonly reason: string | undefined;
  /** A snapshot needs blocks that are free in this volume: all of them count as used. */
  readonly hasSnapshots: boolean;
}

export interface OpenedVolumeGroup {
  readonly name: string;
  /** 32 characters without hyphens. */
  readonly id: string;
  /** Those that are visible, in the order of the metadata. */
  readonly volumes: readonly OpenedLogicalVolume[];
  /**
   * The ranges of a physical volume of this disk that are in use, ascending: all but the extents that no segment uses.
   * Undefined if the physical volume is not in the group, or the group has anything but linear and striped volumes.
   */
  usedRanges(physical: VolumeBytes): readonly ByteRange[] | undefined;
}

export interface OpenedLvm {
  readonly groups: readonly OpenedVolumeGroup[];
  /** Reasons of the physical volumes that are not read. */
  readonly problems: ReadonlyMap<VolumeBytes, string>;
}

/** @param volumes All physical volumes of a disk. Errors of `read` are thrown; damage is in `problems`. */
export async function openLvm(volumes: readonly VolumeBytes[]): Promise<OpenedLvm> {
  const problems = new Map<VolumeBytes, string>();
  const physical = new Map<string, VolumeBytes>();
  const latest = new Map<string, DescribedGroup>();
  for (const volume of volumes) {
    try {
      const header = await readPhysicalVolume(volume);
      if (physical.has(header.id)) throw new UnreadableError('another physical volume of this disk has the same id');
      physical.set(header.id, volume);
      for (const group of await readGroups(volume, header)) {
        if (group.sequence > (latest.get(group.id)?.sequence ?? -1)) latest.set(group.id, group);
      }
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      problems.set(volume, error.message);
    }
  }
  const groups: OpenedVolumeGroup[] = [];
  for (const group of latest.values()) {
    const overlap = overlapIn(group);
    if (overlap === undefined) groups.push(openGroup(group, physical));
    else for (const { id } of group.members) addProblem(problems, physical.get(id), overlap);
  }
  return { groups, problems };
}

function addProblem(problems: Map<VolumeBytes, string>, volume: VolumeBytes | undefined, problem: string): void {
  if (volume !== undefined && !problems.has(volume)) problems.set(volume, problem);
}

/** The groups in the metadata areas. Damage of one area is an error only if no other area can be read. */
async function readGroups(volume: VolumeBytes, header: PhysicalVolume): Promise<DescribedGroup[]> {
  const groups: DescribedGroup[] = [];
  let fault: UnreadableError | undefined;
  for (const area of header.metadataAreas) {
    try {
      const text = await readMetadataText(volume, area);
      if (text !== undefined) groups.push(describeGroup(parseMetadata(text)));
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      fault = error;
    }
  }
  if (fault !== undefined && groups.length === 0) throw fault;
  return groups;
}

function openGroup(group: DescribedGroup, physical: ReadonlyMap<string, VolumeBytes>): OpenedVolumeGroup {
  return {
    name: group.name,
    id: group.id,
    volumes: group.volumes.filter(({ isVisible }) => isVisible).map((volume) => openVolume(group, volume, physical)),
    usedRanges: (volume) => usedRangesOf(group, volume, physical),
  };
}

function openVolume(
  group: DescribedGroup,
  described: DescribedVolume,
  physical: ReadonlyMap<string, VolumeBytes>,
): OpenedLogicalVolume {
  const reason = described.reason ?? misplacedIn(group, described, physical);
  return {
    name: described.name,
    size: described.extents * group.extentSize,
    volume: reason === undefined ? new LogicalVolume(described.segments, group.extentSize, physical) : undefined,
    reason,
    hasSnapshots: group.origins.has(described.name),
  };
}

/** The first stripe that is not on the physical volumes of this disk. */
function misplacedIn(
  group: DescribedGroup,
  { segments }: DescribedVolume,
  physical: ReadonlyMap<string, VolumeBytes>,
): string | undefined {
  for (const { extents, stripes } of segments) {
    for (const { member, firstExtent } of stripes) {
      const volume = physical.get(member.id);
      if (volume === undefined)
        return `it is partly on the physical volume ${printable(member.name)}, which is not on this disk`;
      const end = member.start + (firstExtent + extents / stripes.length) * group.extentSize;
      if (end > volume.size) return `it is partly after the end of the physical volume ${printable(member.name)}`;
    }
  }
  return undefined;
}

/** Extents in use of each physical volume, in their order: first extent and number. */
function allocatedExtents(group: DescribedGroup): Map<string, { first: number; count: number }[]> {
  const allocated = new Map<string, { first: number; count: number }[]>();
  for (const { extents, stripes } of group.volumes.flatMap(({ segments }) => segments)) {
    for (const { member, firstExtent } of stripes) {
      const list = allocated.get(member.id) ?? [];
      list.push({ first: firstExtent, count: extents / stripes.length });
      allocated.set(member.id, list);
    }
  }
  for (const list of allocated.values()) list.sort((one, other) => one.first - other.first);
  return allocated;
}

function overlapIn(group: DescribedGroup): string | undefined {
  for (const list of allocatedExtents(group).values()) {
    for (const [index, { first, count }] of list.entries()) {
      const next = list[index + 1];
      if (next !== undefined && next.first < first + count) {
        return `two volumes of its group ${printable(group.name)} use the extent ${next.first}`;
      }
    }
  }
  return undefined;
}

function usedRangesOf(
  group: DescribedGroup,
  volume: VolumeBytes,
  physical: ReadonlyMap<string, VolumeBytes>,
): ByteRange[] | undefined {
  const member = group.members.find(({ id }) => physical.get(id) === volume);
  const isKnown = group.origins.size === 0 && group.volumes.every(({ reason }) => reason === undefined);
  if (member === undefined || !isKnown) return undefined;
  const end = member.start + member.extents * group.extentSize;
  if (end > volume.size) return undefined;
  const used: ByteRange[] = [];
  const add = (range: ByteRange) => {
    const last = used.at(-1);
    if (range.length === 0) return;
    if (last === undefined || endOf(last) < range.offset) used.push(range);
    else used[used.length - 1] = { offset: last.offset, length: endOf(range) - last.offset };
  };
  add({ offset: 0, length: member.start });
  for (const { first, count } of allocatedExtents(group).get(member.id) ?? []) {
    add({ offset: member.start + first * group.extentSize, length: count * group.extentSize });
  }
  add({ offset: end, length: volume.size - end });
  return used;
}
