// The volume group that a text of metadata describes: its physical and logical volumes (lvm2, lib/format_text/import_vsn1.c).
import { printable } from '../../base/printable.ts';
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import type { LvmSection } from './metadata-text.ts';

const SECTOR = 512;

/** A physical volume as its group describes it. */
export interface GroupMember {
  /** The name in the text: "pv0". */
  readonly name: string;
  /** 32 characters without hyphens. */
  readonly id: string;
  /** Offset of the first extent, in bytes. */
  readonly start: number;
  /** Number of extents. */
  readonly extents: number;
}

/** Successive extents of a physical volume. */
export interface Stripe {
  readonly member: GroupMember;
  readonly firstExtent: number;
}

/** Successive extents of a logical volume. */
export interface Segment {
  /** Number of extents of the logical volume, all stripes together. */
  readonly extents: number;
  /** One for a linear segment. All have the same number of extents. */
  readonly stripes: readonly Stripe[];
  /** In bytes. 0 for a linear segment. */
  readonly stripeSize: number;
}

export interface DescribedVolume {
  readonly name: string;
  readonly id: string;
  /** Hidden volumes are parts of others. */
  readonly isVisible: boolean;
  /** Number of extents. */
  readonly extents: number;
  /** Empty with `reason`. */
  readonly segments: readonly Segment[];
  /** Why it is not read: "it is a thin volume, which is not supported". */
  readonly reason: string | undefined;
}

export interface DescribedGroup {
  readonly name: string;
  readonly id: string;
  /** Rises with each change. */
  readonly sequence: number;
  /** In bytes. */
  readonly extentSize: number;
  readonly members: readonly GroupMember[];
  readonly volumes: readonly DescribedVolume[];
  /** Names of the logical volumes that have snapshots. Blocks that are free in them are in use by the snapshots. */
  readonly origins: ReadonlySet<string>;
}

/** @throws {UnreadableError} */
export function describeGroup(root: LvmSection): DescribedGroup {
  const group = root.sections[0];
  if (group === undefined) throw new UnreadableError('its metadata have no volume group');
  const extentSize = group.number('extent_size') * SECTOR;
  if (extentSize === 0 || !Number.isSafeInteger(extentSize))
    throw new UnreadableError('its extents have no valid size');
  const members = (group.section('physical_volumes')?.sections ?? []).map(describeMember);
  const described = group.section('logical_volumes')?.sections ?? [];
  const snapshots = described.flatMap(segmentsOf).filter((segment) => segment.text('type') === 'snapshot');
  const stores = new Set(
    snapshots.flatMap((segment) => [...segment.list('cow_store'), ...segment.list('merging_store')]),
  );
  const merging = new Set(
    snapshots
      .filter((segment) => segment.list('merging_store').length > 0)
      .flatMap((segment) => segment.list('origin')),
  );
  const membersByName = new Map(members.map((member) => [member.name, member]));
  const volumes = described.map((volume) => {
    const role = stores.has(volume.name)
      ? 'it is a snapshot'
      : merging.has(volume.name)
        ? 'a snapshot is being merged into it'
        : undefined;
    return describeVolume(volume, membersByName, extentSize, role);
  });
  return {
    name: group.name,
    id: withoutHyphens(group.text('id')),
    sequence: group.number('seqno'),
    extentSize,
    members,
    volumes,
    origins: new Set(snapshots.flatMap((segment) => segment.list('origin')).map(String)),
  };
}

function describeMember(section: LvmSection): GroupMember {
  const start = section.number('pe_start') * SECTOR;
  return { name: section.name, id: withoutHyphens(section.text('id')), start, extents: section.number('pe_count') };
}

function withoutHyphens(id: string): string {
  return id.replaceAll('-', '');
}

function segmentsOf(volume: LvmSection): LvmSection[] {
  const count = volume.number('segment_count');
  const segments = volume.sections;
  const names = segments.map(({ name }) => name);
  if (names.length !== count || names.some((name, index) => name !== `segment${index + 1}`)) {
    throw new UnreadableError(`its volume ${printable(volume.name)} does not have ${count} segments`);
  }
  return segments;
}

function describeVolume(
  volume: LvmSection,
  members: ReadonlyMap<string, GroupMember>,
  extentSize: number,
  role: string | undefined,
): DescribedVolume {
  const sections = segmentsOf(volume);
  let extents = 0;
  for (const section of sections) {
    if (section.number('start_extent') !== extents) {
      throw new UnreadableError(
        `its volume ${printable(volume.name)} has segments with a gap before extent ${section.number('start_extent')}`,
      );
    }
    extents += section.number('extent_count');
  }
  const status = volume.list('status').concat(volume.list('flags'));
  const described = {
    name: volume.name,
    id: withoutHyphens(volume.text('id')),
    isVisible: status.includes('VISIBLE'),
    extents,
  };
  const reason = role ?? (status.includes('PVMOVE') || status.includes('LOCKED') ? 'it is being moved' : undefined);
  if (reason !== undefined) return { ...described, segments: [], reason };
  const segments: Segment[] = [];
  for (const section of sections) {
    const segment = describeSegment(section, members, extentSize);
    if (typeof segment === 'string') return { ...described, segments: [], reason: segment };
    segments.push(segment);
  }
  return { ...described, segments, reason: undefined };
}

/** @returns the reason if it is not supported. */
function describeSegment(
  section: LvmSection,
  members: ReadonlyMap<string, GroupMember>,
  extentSize: number,
): Segment | string {
  const type = section.text('type');
  // Types may have flags behind a plus sign: "striped+CACHE_METADATA_FORMAT".
  if (type !== 'striped') return `it has a segment of the type ${printable(type)}, which is not supported`;
  const [extents, count] = [section.number('extent_count'), section.number('stripe_count')];
  const areas = section.list('stripes');
  const stripeSize = count > 1 ? section.number('stripe_size') * SECTOR : 0;
  if (count === 0 || extents === 0 || extents % count !== 0 || areas.length !== 2 * count) {
    return `it has a segment of ${extents} extents with ${count} stripes in ${areas.length / 2} places`;
  }
  if (count > 1 && (stripeSize === 0 || ((extents / count) * extentSize) % stripeSize !== 0)) {
    return `it has stripes of ${stripeSize} bytes, which do not fill its extents`;
  }
  const stripes: Stripe[] = [];
  for (let index = 0; index < count; index++) {
    const [name, firstExtent] = [areas[2 * index], areas[2 * index + 1]];
    const member = members.get(String(name));
    if (member === undefined) return `it is stored in ${printable(String(name))}, which is not a physical volume`;
    if (typeof firstExtent !== 'number' || !Number.isSafeInteger(firstExtent) || firstExtent < 0)
      return 'it has a stripe without a place';
    if (firstExtent + extents / count > member.extents) return `it has extents outside of ${printable(member.name)}`;
    stripes.push({ member, firstExtent });
  }
  return { extents, stripes, stripeSize };
}
