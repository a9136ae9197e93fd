// What exit code 0 promises, and the exceptions that the chosen options allow.
import type { ForeignWrite } from './foreign.ts';
import type { VerifyLevel } from './options.ts';
import { type Comparison, compareBlob, md5Of, sizeByQemu } from './oracle.ts';
import { assertRule } from './report.ts';
import type { World } from './world.ts';

const PAGE = 512;
/** Longest gap of zeros that is sent along with data, in bytes. */
const SENT_ALONG = 64 * 1024;

/** The facts about a run when it has ended. */
export interface RunRecord {
  readonly number: number;
  readonly level: VerifyLevel;
  /** The disk when the run started. Later changes are outside the run's responsibility. */
  readonly disk: Buffer;
  readonly logStart: number;
  /** Whether it had the options of the round. A second uploader has its own. */
  readonly hasOptions: boolean;
  /** Whether the release of the lease may have failed. */
  readonly hadFaults: boolean;
}

/** Facts about runs that a user would not know. */
export class History {
  /** Ended by SIGKILL or a second Ctrl-C, so they could not record the state of the blob. */
  readonly killed = new Set<number>();
  /** Runs without a lease, because the service or a fault refused it. */
  readonly leaseless = new Set<number>();

  /** Finds in the server's log whether the run had a lease. */
  note(world: World, { number, logStart }: Pick<RunRecord, 'number' | 'logStart'>): void {
    const wasRefused = world.server.log
      .slice(logStart)
      .some(
        ({ operation, fault }) =>
          (operation === 'AcquireLease' || operation === 'RenewLease') &&
          (fault === 'status' || fault === 'proxy-page'),
      );
    if (wasRefused || !world.options.leases) this.leaseless.add(number);
  }
}

/**
 * Whether the documentation allows this change to be missed. With a lease nobody else can write during a run, and changes
 * between two runs are found or read back, unless the user chose less. Without a lease, a run does not notice what others
 * write meanwhile; if the run was killed, the next one has to read it back.
 */
export function mayBeMissed(write: ForeignWrite, { number, level }: RunRecord, history: History): boolean {
  if (level === 'none' || level === 'list') return true;
  if (write.run === undefined || !history.leaseless.has(write.run) || history.killed.has(write.run)) return false;
  // A change after the read-back cannot be found.
  return level !== 'full' || (write.run === number && write.isLate);
}

/** Changes by others since the blob was last created. */
function changesSinceCreation({ server, foreignWrites, blobName }: World): ForeignWrite[] {
  const made = server.log.findLastIndex(
    ({ operation, committed, blob }) => operation === 'PutBlob' && committed && blob === blobName,
  );
  // Requests are counted from 1 and logged from 0.
  return foreignWrites.filter(({ afterRequests }) => afterRequests > made);
}

/** @returns whether the blob is exactly right. @throws {BrokenRule} if it is wrong and no exception applies. */
export function judgeSuccess(world: World, record: RunRecord, history: History): boolean {
  const { server, container, blobName, tally } = world;
  assertRule(server.hasBlob(container, blobName), 'Exit code 0, but there is no blob.');
  const blob = server.blob(container, blobName);
  tally.count('compared blobs');
  const comparison = compareBlob(blob, record.disk);
  const changes = changesSinceCreation(world);
  if (isRight(comparison)) {
    assertDescribed(world, record);
    return true;
  }
  const excused = changes.filter((change) => mayBeMissed(change, record, history));
  // Changes of the whole blob are only found before the end, or prevented by the lease until the end.
  const structural = excused.some(
    ({ range, run, isLate }) =>
      range === undefined &&
      run === record.number &&
      history.leaseless.has(run) &&
      (isLate || record.level === 'none' || record.level === 'list'),
  );
  assertRule(comparison.problems.length === 0 || structural, `Exit code 0, but ${comparison.problems.join('; ')}.`);
  const isExcused = (page: number) =>
    structural || excused.some((change) => covers(change, page) && !isListed(change, page, record));
  const wrong = comparison.pages.filter((page) => !isExcused(page));
  const [first] = wrong;
  const found = `${wrong.length} pages are wrong, the first at ${first}`;
  assertRule(first === undefined, `Exit code 0, but ${found}; changes by others: ${describeChanges(changes)}.`);
  tally.count('allowed misses');
  world.step(`  ${comparison.pages.length} pages changed by others were not found, which the options allow`);
  return false;
}

function covers({ range }: ForeignWrite, page: number): boolean {
  return range !== undefined && page >= range.offset && page < range.offset + range.length;
}

/**
 * Whether the page list, which is compared after the footer, shows this page as never sent: the image has only zeros there and
 * around it, in a gap longer than the zeros that are sent along with data.
 */
export function isListed({ isLate }: ForeignWrite, page: number, { level, disk }: RunRecord): boolean {
  if (level === 'none' || isLate || page >= disk.length) return false;
  const around = disk.subarray(Math.max(0, page - SENT_ALONG), page + PAGE + SENT_ALONG);
  return around.every((byte) => byte === 0);
}

function isRight({ pages, problems }: Comparison): boolean {
  return pages.length === 0 && problems.length === 0;
}

function describeChanges(changes: readonly ForeignWrite[]): string {
  const texts = changes.map(({ change, range, run }) => {
    const where = range === undefined ? '' : ` of ${range.offset}+${range.length}`;
    return `${change}${where} ${run === undefined ? 'between runs' : `during run ${run}`}`;
  });
  return texts.join(', ') || 'none';
}

/** A right blob is also a disk for qemu-img, and has the metadata and the MD5 of the options. */
function assertDescribed(world: World, { disk, hadFaults, hasOptions, number }: RunRecord): void {
  const { server, container, blobName, options, root, foreignWrites } = world;
  const blob = server.blob(container, blobName);
  assertRule(sizeByQemu(blob, `${root}/downloaded.vhd`) === disk.length, 'qemu-img finds another size in the blob.');
  if (hasOptions && options.contentMd5)
    assertRule(blob.contentMd5 === md5Of(blob), 'The Content-MD5 does not match the blob.');
  if (!hasOptions || foreignWrites.some(({ run }) => run === number)) return;
  for (const [name, value] of Object.entries(options.metadata)) {
    assertRule(blob.metadata.get(name) === value, `The blob's metadata ${name} is ${blob.metadata.get(name)}.`);
  }
  const isHeld = blob.lease.state(server.now().getTime()) === 'leased';
  assertRule(!isHeld || hadFaults, 'The upload is complete, but still holds its lease.');
}

/** Flips one bit of byte `at`, as another program would. @returns a function that undoes it. */
export function flipOneBit({ server, container, blobName }: World, at: number): () => void {
  const blob = server.blob(container, blobName);
  const offset = at - (at % PAGE);
  const page = blob.read(offset, PAGE);
  const changed = Buffer.from(page);
  changed.writeUInt8(changed.readUInt8(at - offset) ^ (1 << (at % 8)), at - offset);
  const put = (bytes: Buffer) => {
    blob.write(offset, bytes);
    blob.markWritten({ offset, length: PAGE });
    server.touch(blob);
  };
  put(changed);
  return () => put(page);
}
