// checkImage: checks whether Azure accepts an image and whether a VM will boot from it, without uploading it.

import { printable } from '../base/printable.ts';
import { CorruptImageError, ParentImageError, UnsupportedImageError, UsageError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { ImageOptions } from '../options.ts';
import type { BlobAccess } from '../remote/connect.ts';
import type { TargetFacts } from './check-facts.ts';
import {
  type CheckReport,
  type Generation,
  OS_STATES,
  type OsState,
  PURPOSES,
  type Purpose,
  summarise,
} from './check-report.ts';
import { gatherDiskFacts } from './gather-facts.ts';
import type { TargetOptions } from './look-at-target.ts';
import { openGuest } from './open-guest.ts';
import { fail } from './rule.ts';
import { IMAGE_READABLE } from './rules/image-rules.ts';
import { ALL_RULES, findingOf, RULES, runRules } from './run-rules.ts';

export interface CheckOptions extends ImageOptions {
  /** Path of the image. */
  readonly image: string;
  /** What the disk is for. @default 'vm' */
  readonly purpose?: Purpose;
  /** Generation of the virtual machine that will boot from the disk. @default detected from the partition table */
  readonly generation?: Generation;
  /**
   * Whether virtual machines are made from an image of the disk, or one machine continues with it.
   * @default generalized for the Marketplace; otherwise the rules that depend on it do not apply, unless the disk shows it
   */
  readonly osState?: OsState;
  /** Also check what a machine with an NVMe controller needs. @default false */
  readonly nvme?: boolean;
  /** Blob name. @default not checked */
  readonly blobName?: string;
  /** Also check this blob and its container. @default not checked */
  readonly target?: Omit<TargetOptions, 'onEvent'>;
  /** Warnings about the connection. */
  readonly onEvent?: EventListener;
  readonly signal?: AbortSignal;
}

/**
 * Checks an image against the rules. If the image is damaged or has an unsupported format, the rule `image-readable` fails
 * and no other rule runs.
 * @throws {ImageAccessError} the file does not exist or cannot be read; the reason of `signal`, unchanged, on abort.
 */
export async function checkImage(options: CheckOptions): Promise<CheckReport> {
  const purpose = options.purpose ?? 'vm';
  if (!PURPOSES.includes(purpose)) {
    throw new UsageError(`purpose must be one of ${PURPOSES.join(', ')}, but is ${purpose}.`);
  }
  requireOsState(options.osState, purpose);
  const { signal, target } = options;
  signal?.throwIfAborted();
  const access = target === undefined ? undefined : (await import('./look-at-target.ts')).targetAccess(target);
  const warnings: ImageWarning[] = [];
  const opened = await openImage(options, warnings);
  if (!('size' in opened)) {
    const finding = findingOf(
      IMAGE_READABLE,
      fail(opened.message, 'Follow the advice in the message. If that does not help, use another copy of the image.'),
    );
    return { image: printable(options.image), purpose, ...summarise([finding]) };
  }
  try {
    return await checkOpenImage(opened, warnings, purpose, options, access);
  } finally {
    await opened.close();
  }
}

/** @throws {UsageError} the state is unknown, or no disk for this purpose has it. */
function requireOsState(osState: OsState | undefined, purpose: Purpose): void {
  if (osState === undefined) return;
  if (!OS_STATES.includes(osState)) {
    throw new UsageError(`osState (--image) must be one of ${OS_STATES.join(', ')}, but is ${osState}.`);
  }
  if (purpose === 'data-disk') throw new UsageError('A data disk has no operating system. Omit osState (--image).');
  if (purpose === 'marketplace' && osState === 'specialized') {
    throw new UsageError(
      'The Marketplace accepts generalized images only. Omit osState (--image), or check for another purpose.',
    );
  }
}

/** The image, or the error that says why it cannot be read. */
async function openImage(options: CheckOptions, warnings: ImageWarning[]): Promise<DiskImage | Error> {
  try {
    return await openDiskImage(options.image, { ...options, onWarning: (warning) => warnings.push(warning) });
  } catch (error) {
    const isImageFault =
      error instanceof CorruptImageError || error instanceof UnsupportedImageError || error instanceof ParentImageError;
    if (isImageFault) return error;
    throw error;
  }
}

async function checkOpenImage(
  image: DiskImage,
  warnings: readonly ImageWarning[],
  purpose: Purpose,
  { generation, osState, nvme, blobName: givenName, signal, ...options }: CheckOptions,
  access: BlobAccess | undefined,
): Promise<CheckReport> {
  const blobName = givenName ?? access?.address.blobName;
  const facts = await gatherDiskFacts(image, warnings, { purpose, generation, osState, hasNvme: nvme, blobName });
  const blobSize = asFixedVhd(image).size;
  const opened = purpose === 'data-disk' ? undefined : await openGuest(facts);
  const onAbort = () => opened?.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    const target = await lookAt(options, access, blobSize, signal);
    const rules = target === undefined ? RULES : ALL_RULES;
    const { guest, windows, efi } = opened ?? {};
    const findings = await runRules(rules, { ...facts, target, guest, windows, efi });
    signal?.throwIfAborted();
    return {
      image: printable(image.path),
      ...(access === undefined ? {} : { destination: access.address.url }),
      format: image.format,
      diskSize: image.size,
      blobSize,
      purpose,
      ...(facts.generation === undefined
        ? {}
        : {
            generation: facts.generation,
            generationFrom: generation === undefined ? ('partition-table' as const) : ('option' as const),
          }),
      ...(facts.osState === undefined ? {} : { osState: facts.osState }),
      ...summarise(findings),
    };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    opened?.close();
  }
}

async function lookAt(
  { target, onEvent }: Pick<CheckOptions, 'target' | 'onEvent'>,
  access: BlobAccess | undefined,
  blobSize: number,
  signal = new AbortController().signal,
): Promise<TargetFacts | undefined> {
  if (target === undefined || access === undefined) return undefined;
  const options = { ...target, ...(onEvent === undefined ? {} : { onEvent }) };
  // A program that checks only images does not load the packages of Azure.
  const { lookAtTarget } = await import('./look-at-target.ts');
  return await lookAtTarget(options, access, blobSize, signal);
}
