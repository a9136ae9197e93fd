// planUpload: what an upload would send and skip, and why. Writes nothing.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { imageListeners, shielded } from '../events.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { ArmPlace, ImageTransferOptions, UploadOptions } from '../options.ts';
import { localConcurrency } from '../transfer/concurrency-limits.ts';
import { moveDisk } from '../transfer/move-disk.ts';
import type { TransferTarget } from '../transfer/transfer.ts';
import { type PlannedDisk, planManagedDisk } from './managed-disk.ts';

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
  };
  readonly durationMs: number;
  /** Only for a managed disk. */
  readonly disk?: PlannedDisk;
}

/** The options of an upload that its plan depends on. */
export type PlanOptions = ImageTransferOptions & Pick<UploadOptions, 'disk' | 'credential' | keyof ArmPlace>;

/**
 * Reads the whole image in the same way as an upload. For a managed disk, also looks whether it exists.
 * @throws {VhdupError} the image cannot be read; the reason of `signal`, unchanged, on abort.
 */
export async function planUpload(options: PlanOptions): Promise<UploadPlan> {
  const emit = shielded(options.onEvent);
  const signal = options.signal ?? new AbortController().signal;
  const startMs = performance.now();
  const image = await openDiskImage(options.image, {
    ...options,
    ...imageListeners(emit),
  });
  try {
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
    };
    const progress = await moveDisk({
      source,
      target: nowhere,
      ...localConcurrency(options.threads),
      signal,
      emit,
    });
    await image.assertUnchanged();
    const allocated = progress.plan?.allocated ?? 0;
    return {
      format: image.format,
      diskSize: image.size,
      blobSize: source.size,
      allocated,
      send: progress.sent + PAGE_SIZE,
      requests: requests + 1,
      skip: { unallocated: image.size - allocated, zeros: progress.zeros, padding: source.diskSize - image.size },
      durationMs: performance.now() - startMs,
      ...(disk === undefined ? {} : { disk }),
    };
  } finally {
    await image.close();
  }
}
