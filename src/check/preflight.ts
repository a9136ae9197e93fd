// checkBeforeUpload: the rules that need only a few KiB of the disk, run before the first byte is sent.

import { printable } from '../base/printable.ts';
import { DiskCheckError } from '../errors.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import type { CheckFinding } from './check-report.ts';
import { gatherDiskFacts } from './gather-facts.ts';
import { RULES, runRules } from './run-rules.ts';

/** Rules whose failure makes a disk useless in Azure for any purpose. */
const BLOCKING: readonly string[] = ['size-maximum', 'page-blob-size', 'sector-size'];

/** Rules that are worth a warning for any purpose. Opening the image already warns about the rest. */
const WARNING: readonly string[] = ['size-minimum', 'creator', 'blob-name', 'partition-table'];

const BLOB_ONLY: readonly string[] = ['page-blob-size', 'blob-name'];

const PREFLIGHT_RULES = RULES.filter(({ id }) => BLOCKING.includes(id) || WARNING.includes(id));

/**
 * Checks the image as a data disk, which has the fewest requirements: a blob may hold a disk of any size and content.
 * @returns the findings that are worth a warning.
 * @param blobName - Undefined for a managed disk.
 * @throws {DiskCheckError} Azure would certainly reject the disk.
 */
export async function checkBeforeUpload(
  image: DiskImage,
  warnings: readonly ImageWarning[],
  { blobName }: { readonly blobName: string | undefined },
): Promise<readonly CheckFinding[]> {
  // Only a page blob has a name to check, and a lower limit than a managed disk.
  const rules = PREFLIGHT_RULES.filter(({ id }) => blobName !== undefined || !BLOB_ONLY.includes(id));
  const facts = await gatherDiskFacts(image, warnings, { purpose: 'data-disk', generation: undefined, blobName });
  const findings = (await runRules(rules, facts)).filter(({ result }) => result === 'fail' || result === 'warn');
  const blocking = findings.filter(({ id }) => BLOCKING.includes(id));
  if (blocking.length > 0) {
    const causes = blocking.map(({ title, found, reason, fix }) =>
      `${title}: ${found}. ${reason} ${fix ?? ''}`.trimEnd(),
    );
    throw new DiskCheckError(
      `Azure would reject ${printable(image.path)}, so nothing was sent. ${causes.join(' ')} To upload it anyway, use --skip-checks.`,
    );
  }
  return findings;
}
