// checkBeforeUpload: the rules that need only a few KiB of the disk, asked before the first byte is sent.

import { printable } from '../base/printable.ts';
import { DiskCheckError } from '../errors.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import type { CheckFinding } from './check-report.ts';
import { gatherDiskFacts } from './gather-facts.ts';
import { RULES, runRules } from './run-rules.ts';

/** What makes a disk useless in Azure, whatever it is for. */
const STOPPING: readonly string[] = ['size-maximum', 'page-blob-size', 'sector-size'];

/** What is worth a warning, though what the disk is for is not known; opening the image warns of the rest. */
const WARNING: readonly string[] = ['size-minimum', 'creator', 'blob-name', 'partition-table'];

const ASKED = RULES.filter(({ id }) => STOPPING.includes(id) || WARNING.includes(id));

/**
 * Asks as for a data disk, of which Azure wants least: a disk of any size and content may be a blob.
 * @returns what is worth a warning.
 * @throws {DiskCheckError} Azure would surely refuse the disk.
 */
export async function checkBeforeUpload(
  image: DiskImage,
  warnings: readonly ImageWarning[],
  { blobName }: { readonly blobName: string },
): Promise<readonly CheckFinding[]> {
  const facts = await gatherDiskFacts(image, warnings, { purpose: 'data-disk', generation: undefined, blobName });
  const findings = (await runRules(ASKED, facts)).filter(({ result }) => result === 'fail' || result === 'warn');
  const stopping = findings.filter(({ id }) => STOPPING.includes(id));
  if (stopping.length > 0) {
    const causes = stopping.map(({ title, found, reason, fix }) =>
      `${title}: ${found}. ${reason} ${fix ?? ''}`.trimEnd(),
    );
    throw new DiskCheckError(
      `Azure would not take ${printable(image.path)}, so nothing was sent. ${causes.join(' ')} To send it all the same, use --skip-checks.`,
    );
  }
  return findings;
}
