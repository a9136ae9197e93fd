// What an exit code 0 promises, and what the options that were given leave out of that promise.
import type { ForeignWrite } from './foreign.ts';
import type { VerifyLevel } from './options.ts';
import { type Comparison, compareBlob, md5Of, sizeByQemu } from './oracle.ts';
import { assertRule } from './report.ts';
import type { World } from './world.ts';

const PAGE = 512;
/** Zeros between data that are sent rather than left out, at most, in bytes. */
const SENT_ALONG = 64 * 1024;

/** What is known of a run when it has ended. */
export interface RunRecord {
  readonly number: number;
  readonly level: VerifyLevel;
  /** The disk when the run began: what is changed after its last look is not its matter. */
  readonly disk: Buffer;
  readonly logStart: number;
  readonly hadFaults: boolean;
}

/** Runs of which the campaign knows more than a user would. */
export class History {
  /** Ended by SIGKILL, or by a second Ctrl-C: they could not put down how they left the blob. */
  readonly killed = new Set<number>();
  /** Runs that the service, or a fault, refused a lease. */
  readonly leaseless = new Set<number>();

  /** Reads off the server's log whether the run had a lease. */
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
 * Whether the documentation leaves it to chance, or to the user, that this change is found. With a lease nobody else can
 * write while a run works, and what happened between two runs is found or read back, unless the user chose less. Without
 * a lease, a run does not see what others write while it works; the next one has to read it back if the run was killed.
 */
export function mayBeMissed(write: ForeignWrite, { number, level }: RunRecord, history: History): boolean {
  if (level === 'none' || level === 'list') return true;
  if (write.run === undefined || !history.leaseless.has(write.run) || history.killed.has(write.run)) return false;
  // What was read back before cannot be seen again.
  return level !== 'full' || (write.run === number && write.isLate);
}

/** Changes of others since the blob was last made. */
function changesSinceCreation({ server, foreignWrites, blobName }: World): ForeignWrite[] {
  const made = server.log.findLastIndex(
    ({ operation, committed, blob }) => operation === 'PutBlob' && committed && blob === blobName,
  );
  // Requests are counted from 1 and logged from 0.
  return foreignWrites.filter(({ afterRequests }) => afterRequests > made);
}

/** @returns whether the blob is exactly right. @throws {BrokenRule} it is not, and nothing excuses it. */
export function judgeSuccess(world: World, record: RunRecord, history: History): boolean {
  const { server, container, blobName, tally } = world;
  assertRule(server.hasBlob(container, blobName), 'Exit code 0, and there is no blob.');
  const blob = server.blob(container, blobName);
  tally.count('compared blobs');
  const comparison = compareBlob(blob, record.disk);
  const changes = changesSinceCreation(world);
  if (isRight(comparison)) {
    assertDescribed(world, record);
    return true;
  }
  const excused = changes.filter((change) => mayBeMissed(change, record, history));
  // The blob as a whole is looked at before the end only, and by its lease until the end.
  const structural = excused.some(
    ({ range, run, isLate }) =>
      range === undefined &&
      run === record.number &&
      history.leaseless.has(run) &&
      (isLate || record.level === 'none' || record.level === 'list'),
  );
  assertRule(comparison.problems.length === 0 || structural, `Exit code 0, and ${comparison.problems.join('; ')}.`);
  const isExcused = (page: number) =>
    structural || excused.some((change) => covers(change, page) && !isListed(change, page, record));
  const wrong = comparison.pages.filter((page) => !isExcused(page));
  const [first] = wrong;
  const found = `${wrong.length} pages are wrong, the first at ${first}`;
  assertRule(first === undefined, `Exit code 0, and ${found}; changes of others: ${describeChanges(changes)}.`);
  tally.count('allowed misses');
  world.step(`  ${comparison.pages.length} pages of others were not noticed, as the options allow`);
  return false;
}

function covers({ range }: ForeignWrite, page: number): boolean {
  return range !== undefined && page >= range.offset && page < range.offset + range.length;
}

/**
 * Whether the list of pages, which is compared after the footer, shows this page as one that was never sent: the image holds
 * zeros there and all around, further than zeros are sent along with data.
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

/** A right blob is also a disk to others, and carries what the options promise. */
function assertDescribed(world: World, { disk, hadFaults, number }: RunRecord): void {
  const { server, container, blobName, options, root, foreignWrites } = world;
  const blob = server.blob(container, blobName);
  assertRule(sizeByQemu(blob, `${root}/downloaded.vhd`) === disk.length, 'qemu-img finds another size in the blob.');
  if (options.contentMd5) assertRule(blob.contentMd5 === md5Of(blob), 'The Content-MD5 is not that of the blob.');
  if (foreignWrites.some(({ run }) => run === number)) return;
  for (const [name, value] of Object.entries(options.metadata)) {
    assertRule(blob.metadata.get(name) === value, `The blob's metadata ${name} is ${blob.metadata.get(name)}.`);
  }
  const isHeld = blob.lease.state(server.now().getTime()) === 'leased';
  assertRule(!isHeld || hadFaults, 'The upload is complete, and still holds its lease.');
}

/** One flipped bit, anywhere, written as other programs write. @returns what undoes it. */
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
