// planUpload: what an upload would send and skip, and why. Writes nothing.

import { type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';
import { RangeSet } from '../base/range-set.ts';
import type { FreeSpaceReport } from '../base/skip-free.ts';
import { checkBeforeUpload } from '../check/preflight.ts';
import { checkEvent, collectingListeners, type EventListener, shielded } from '../events.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import { asFixedVhd, type FixedVhdView } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { FreeSpaceImage } from '../image/without-free-space.ts';
import type { ImageTransferOptions, ServiceOptions, UploadOptions } from '../options.ts';
import type { BlobAccess } from '../remote/connect.ts';
import { concurrencyOf, localConcurrency } from '../transfer/concurrency-limits.ts';
import { moveDisk } from '../transfer/move-disk.ts';
import type { Window } from '../transfer/plan.ts';
import { Progress } from '../transfer/progress.ts';
import type { TransferTarget } from '../transfer/transfer.ts';
import { checkBaseOptions, checkChecksum, checkMetadata, checkSkipFree } from '../validate-options.ts';
import { leaveOutFreeSpace } from '../volume/free-space/leave-out.ts';
import { baseAccessOf, openBase } from './base-blob.ts';
import { assertHasAncestors, chooseBase } from './base-check.ts';
import { checkBlobOptions } from './blob-options.ts';
import { type PlannedDisk, planManagedDisk } from './managed-disk.ts';
import { Patch } from './patch.ts';
import { ListedPages } from './recover.ts';
import { type Skippable, SkippableSpace } from './skippable.ts';
import { destinationOf } from './target.ts';

export interface UploadPlan {
  readonly format: string;
  /** Virtual size of the image in bytes. */
  readonly diskSize: number;
  /** Length of the blob in bytes. */
  readonly blobSize: number;
  /** Bytes of the disk that the image allocates. All of them are read. */
  readonly allocated: number;
  /** Bytes that would be sent, including the 512 of the footer. */
  readonly send: number;
  /** Put Page requests that would be sent. */
  readonly requests: number;
  readonly skip: {
    /** Bytes that the image does not allocate, or that are holes in its file. They are never read. */
    readonly unallocated: number;
    /** Allocated bytes that are zero. */
    readonly zeros: number;
    /** Zeros that pad the disk to a whole MiB. */
    readonly padding: number;
    /** Allocated bytes that are free space of the guest. Only with `skipFree`. */
    readonly free?: number;
  };
  readonly durationMs: number;
  /** Bytes that would not be sent, because the copy of the base contains them. Only with a base. */
  readonly copied?: number;
  /** Bytes of the copy that would be cleared. Only with a base. */
  readonly cleared?: number;
  /** Only for a managed disk. */
  readonly disk?: PlannedDisk;
  /** Only with `skipFree`. */
  readonly freeSpace?: FreeSpaceReport;
  /** What `skipFree` would leave out of what would be sent. Only without it, and if it is known and worth it. */
  readonly skippable?: Skippable;
}

/** The options of an upload that its plan depends on. */
export type PlanOptions = ImageTransferOptions &
  Omit<ServiceOptions, 'destination'> &
  Omit<UploadOptions, 'checkpoint'>;

/**
 * Checks what an upload refuses without a request: the destination, and the options of the blob.
 * @returns undefined if no blob is given.
 * @throws {UsageError | CredentialError}
 */
function checkTarget(options: PlanOptions): BlobAccess | undefined {
  checkBlobOptions(options);
  checkMetadata(options.metadata);
  return options.destination === undefined && options.disk === undefined ? undefined : destinationOf(options);
}

/**
 * Reads the whole image in the same way as an upload. For a managed disk, also looks whether it exists. Checks a base as an upload does.
 * @throws {VhdupError} the image cannot be read; the reason of `signal`, unchanged, on abort.
 */
export async function planUpload(options: PlanOptions): Promise<UploadPlan> {
  checkBaseOptions(options);
  checkSkipFree(options.skipFree);
  const destination = checkTarget(options);
  const emit = shielded(options.onEvent);
  const signal = options.signal ?? new AbortController().signal;
  const startMs = performance.now();
  const { image, freeSpace, warnings } = await openPlanned(options, destination, emit, signal);
  let skippable: SkippableSpace | undefined;
  try {
    const isPlain = freeSpace === undefined && options.base === undefined;
    if (isPlain) skippable = new SkippableSpace(image, warnings, signal, Number.POSITIVE_INFINITY);
    const source = asFixedVhd(image);
    // First, so that an invalid option of the disk shows before the image is read.
    const disk =
      options.disk === undefined
        ? undefined
        : await planManagedDisk(options, options.disk, { image, source, emit, signal });
    let requests = 0;
    const nowhere: TransferTarget = {
      write: () => {
        requests += 1;
        return Promise.resolve();
      },
      clear: () => Promise.resolve(),
    };
    const base =
      options.base === undefined
        ? undefined
        : await planBase(options, options.base, destination, { image, source, emit, signal });
    const moving = { source, target: nowhere, ...localConcurrency(options.threads), signal, emit, ...base?.moving };
    const onRun = ({ range }: { readonly range: ByteRange }) => skippable?.runSent(range);
    // The free space must be known first, or the runs that wait for it might be too many to keep.
    await skippable?.ready();
    const progress = await moveDisk({ ...moving, onRun }).finally(() => base?.close());
    await image.assertUnchanged();
    const allocated = progress.plan?.allocated ?? 0;
    const free = image.leftOut ?? 0;
    const found = skippable?.found;
    return {
      format: image.format,
      diskSize: image.size,
      blobSize: source.size,
      allocated,
      send: progress.sent + PAGE_SIZE,
      requests: requests + 1,
      skip: {
        unallocated: image.size - allocated - free,
        zeros: progress.zeros,
        padding: source.diskSize - image.size,
        ...(freeSpace === undefined ? {} : { free }),
      },
      durationMs: performance.now() - startMs,
      ...(progress.base === undefined ? {} : { copied: progress.base.kept, cleared: progress.base.cleared }),
      ...(disk === undefined ? {} : { disk }),
      ...(freeSpace === undefined ? {} : { freeSpace }),
      ...(found === undefined ? {} : { skippable: found }),
    };
  } finally {
    await skippable?.close();
    await image.close();
  }
}

interface Opened {
  readonly image: DiskImage & Partial<Pick<FreeSpaceImage, 'leftOut'>>;
  readonly freeSpace: FreeSpaceReport | undefined;
  readonly warnings: readonly ImageWarning[];
}

async function openPlanned(
  options: PlanOptions,
  destination: BlobAccess | undefined,
  emit: EventListener,
  signal: AbortSignal,
): Promise<Opened> {
  const { warnings, listeners } = collectingListeners(emit);
  const image = await openDiskImage(options.image, {
    ...options,
    ...listeners,
  });
  try {
    if (options.skipChecks !== true) {
      const blobName =
        destination === undefined || destination.address.isDisk === true ? undefined : destination.address.blobName;
      for (const finding of await checkBeforeUpload(image, warnings, { blobName })) emit(checkEvent(finding));
    }
    if (options.skipFree === undefined) return { image, freeSpace: undefined, warnings };
    const left = await leaveOutFreeSpace(image, warnings, options.skipFree, signal);
    emit({ type: 'free-space', ...left.report });
    return { image: left.image, freeSpace: left.report, warnings };
  } catch (error) {
    await image.close();
    throw error;
  }
}

interface PlannedImage {
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** Compares with the ancestor that the base was made from, and with the pages that the base lists. */
async function planBase(
  options: PlanOptions,
  url: string,
  destination: BlobAccess | undefined,
  { image, source, emit, signal }: PlannedImage,
) {
  assertHasAncestors(image);
  const access = baseAccessOf(url, options, destination);
  const { store, close } = await openBase(access, options, concurrencyOf(options.threads), emit);
  try {
    const checksum = checkChecksum(options.checksum);
    const chosen = await chooseBase({ image, source, options, store, checksum, emit }, signal);
    const { diskSize } = source;
    const listed = new ListedPages({ store, diskSize, signal, done: new RangeSet(), mustBeZero: true });
    const patch = await Patch.open(image, chosen, options);
    const moving = {
      progress: new Progress({ done: [], base: { kept: 0, cleared: 0 } }),
      alongside: (windows: AsyncGenerator<Window>) => listed.alongside(windows),
      split: patch.splitBy(listed),
      onWindow: (window: Window) => void listed.windowDone(window),
    };
    const closeBoth = async () => {
      await patch.close();
      close();
    };
    return { moving, close: closeBoth };
  } catch (error) {
    close();
    throw error;
  }
}
