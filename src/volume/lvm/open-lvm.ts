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
  /** Those of this disk. */
  readonly physicalVolumes: ReadonlySet<VolumeBytes>;
  /**
   * Why the metadata may not be the newest, or not all of them: "a physical volume of it is not on this disk". Undefined if there is
   * no doubt.
   */
  readonly doubt: string | undefined;
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
  const latest = new Map<string, FoundGroup>();
  const doubts = new Map<string, string>();
  const metadataAreas = new Map<VolumeBytes, readonly ByteRange[]>();
  for (const volume of volumes) {
    try {
      const header = await readPhysicalVolume(volume);
      if (physical.has(header.id)) throw new UnreadableError('another physical volume of this disk has the same id');
      physical.set(header.id, volume);
      metadataAreas.set(volume, header.metadataAreas);
      const { groups, fault } = await readGroups(volume, header);
      for (const found of groups) {
        const { id, sequence } = found.group;
        const known = latest.get(id);
        if (known !== undefined && known.text !== found.text) doubts.set(id, 'its metadata areas differ');
        if (fault !== undefined) doubts.set(id, `one of its metadata areas cannot be read: ${fault.message}`);
        if (sequence > (known?.group.sequence ?? -1)) latest.set(id, found);
      }
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      problems.set(volume, error.message);
    }
  }
  const groups: OpenedVolumeGroup[] = [];
  const described = [...latest.values()].map(({ group }) => group);
  for (const group of described) {
    const overlap = overlapIn(group);
    const others = described.filter((other) => other !== group);
    const doubt = doubts.get(group.id) ?? sharedIn(group, others) ?? doubtOf(group, physical, metadataAreas);
    if (overlap === undefined) groups.push(openGroup(group, physical, doubt));
    else for (const { id } of group.members) addProblem(problems, physical.get(id), overlap);
  }
  return { groups, problems };
}

function addProblem(problems: Map<VolumeBytes, string>, volume: VolumeBytes | undefined, problem: string): void {
  if (volume !== undefined && !problems.has(volume)) problems.set(volume, problem);
}

interface FoundGroup {
  readonly group: DescribedGroup;
  /** All areas of a group have the same. */
  readonly text: string;
}

/** The groups in the metadata areas. Damage of one area is an error only if no other area can be read. */
async function readGroups(
  volume: VolumeBytes,
  header: PhysicalVolume,
): Promise<{ readonly groups: readonly FoundGroup[]; readonly fault: UnreadableError | undefined }> {
  const groups: FoundGroup[] = [];
  let fault: UnreadableError | undefined;
  for (const area of header.metadataAreas) {
    try {
      const text = await readMetadataText(volume, area);
      if (text !== undefined) groups.push({ group: describeGroup(parseMetadata(text)), text });
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      fault = error;
    }
  }
  if (fault !== undefined && groups.length === 0) throw fault;
  return { groups, fault };
}

function sharedIn({ members }: DescribedGroup, others: readonly DescribedGroup[]): string | undefined {
  const ids = new Set(others.flatMap((other) => other.members.map(({ id }) => id)));
  const shared = members.find(({ id }) => ids.has(id));
  return shared && `its physical volume ${printable(shared.name)} is in another volume group too`;
}

/** A physical volume elsewhere may have newer metadata. An area of metadata among the extents contradicts them. */
function doubtOf(
  group: DescribedGroup,
  physical: ReadonlyMap<string, VolumeBytes>,
  metadataAreas: ReadonlyMap<VolumeBytes, readonly ByteRange[]>,
): string | undefined {
  for (const { name, id, start, extents } of group.members) {
    const volume = physical.get(id);
    if (volume === undefined) return `its physical volume ${printable(name)} is not on this disk`;
    const end = start + extents * group.extentSize;
    const areas = metadataAreas.get(volume) ?? [];
    if (areas.some((area) => area.offset < end && endOf(area) > start)) return 'its metadata lie among its extents';
  }
  return undefined;
}

function openGroup(
  group: DescribedGroup,
  physical: ReadonlyMap<string, VolumeBytes>,
  doubt: string | undefined,
): OpenedVolumeGroup {
  return {
    name: group.name,
    id: group.id,
    doubt,
    volumes: group.volumes.filter(({ isVisible }) => isVisible).map((volume) => openVolume(group, volume, physical)),
    physicalVolumes: new Set(group.members.flatMap(({ id }) => physical.get(id) ?? [])),
    usedRanges: (volume) => (doubt === undefined ? usedRangesOf(group, volume, physical) : undefined),
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
