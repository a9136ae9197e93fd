// Changes of the blob by other programs: immediate, without a request, and only if the service would allow them.
import type { Picker } from '../hostile/random.ts';
import { patternOf } from '../support/vhd-builder.ts';
import type { ForeignChange } from './plan.ts';
import type { World } from './world.ts';

const PAGE = 512;
const MIB = 1024 * 1024;
const FOREIGN_LEASE = '11111111-2222-4333-8444-555555555555';

/** A change that the service accepted. */
export interface ForeignWrite {
  readonly change: ForeignChange;
  /** The range that it wrote or cleared; undefined if it changed the whole blob. */
  readonly range: { readonly offset: number; readonly length: number } | undefined;
  /** Number of requests that the server had received. */
  readonly afterRequests: number;
  /** Number of the run at that time; undefined between two runs. */
  readonly run: number | undefined;
  /** Whether the run had sent everything, and only read back or ended. */
  readonly isLate: boolean;
}

/** @returns a description for the steps. */
export function changeBlob(world: World, change: ForeignChange, pick: Picker): string {
  const { server } = world;
  if (!server.hasBlob(world.container, world.blobName)) return 'there is no blob yet';
  const blob = server.blob(world.container, world.blobName);
  if (blob.metadata.get('vhdup_state') === 'complete') return 'the blob is complete';
  const nowMs = server.now().getTime();
  if (change === 'hold-lease') {
    if (['leased', 'breaking'].includes(blob.lease.state(nowMs))) return refused(world);
    blob.lease.acquire(FOREIGN_LEASE, 60_000, nowMs);
    world.tally.count(`foreign: ${change}`);
    return 'done';
  }
  if (change.startsWith('break-lease')) {
    if (blob.lease.state(nowMs) === 'available') return 'there is no lease';
    blob.lease.break(0, nowMs);
    world.tally.count('foreign: break-lease');
    if (change === 'break-lease') return 'done';
  }
  try {
    blob.lease.check(undefined, 'write', nowMs);
  } catch {
    return refused(world);
  }
  const range = apply(world, change, pick);
  world.foreignWrites.push({
    change,
    range,
    afterRequests: server.counters.requests,
    run: world.currentRun,
    isLate: world.isReadingBack(),
  });
  world.tally.count(`foreign: ${change}`);
  return range === undefined ? 'done' : `${range.offset}+${range.length}`;
}

function refused(world: World): string {
  world.tally.count('foreign: refused by a lease');
  return 'refused by the lease';
}

function apply(world: World, change: ForeignChange, pick: Picker): ForeignWrite['range'] {
  const { server, container, blobName } = world;
  const blob = server.blob(container, blobName);
  switch (change) {
    case 'write':
    case 'break-lease-and-write':
    case 'clear': {
      const range = randomRange(world, pick, blob.size);
      if (change === 'clear') blob.clearPages(range);
      else {
        blob.write(range.offset, patternOf(pick.below(2 ** 31), range.length));
        blob.markWritten(range);
      }
      server.touch(blob);
      return range;
    }
    case 'resize':
      blob.resize(Math.max(MIB, blob.size + pick.of([-2048, -1, 1, 2048]) * PAGE));
      server.touch(blob);
      return undefined;
    case 'delete':
      server.deleteBlob(container, blobName);
      return undefined;
    case 'replace':
      server.createPageBlob(container, blobName, blob.size);
      return undefined;
    case 'metadata':
      blob.metadata = pick.chance(0.5) ? new Map() : new Map([...blob.metadata, ['note', 'of another program']]);
      server.touch(blob);
      return undefined;
    default:
      return undefined;
  }
}

/** Some pages, usually where the image has data. */
function randomRange({ image }: World, pick: Picker, blobSize: number) {
  const place = pick.chance(0.75) && image.data.length > 0 ? pick.of(image.data) : { offset: 0, length: blobSize };
  const offset = Math.min(place.offset + pick.below(Math.max(1, place.length / PAGE)) * PAGE, blobSize - PAGE);
  const length = Math.min(pick.between(1, 16) * PAGE, blobSize - offset);
  return { offset: Math.max(0, offset), length };
}
