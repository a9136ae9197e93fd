// Step 1: what the image is, and whether Azure accepts it.
import { withoutWrapping } from '../../azure/given-text.ts';
import { printable } from '../../base/printable.ts';
import { checkImage } from '../../check/check-image.ts';
import type { CheckReport } from '../../check/check-report.ts';
import { checkBeforeUpload } from '../../check/preflight.ts';
import { ParentImageError, UnsupportedImageError } from '../../errors.ts';
import type { ImageWarning } from '../../image/disk-image.ts';
import { recognise } from '../../image/foreign/recognise.ts';
import { formatName } from '../../image/format-name.ts';
import { ImageFile } from '../../image/image-file.ts';
import { openDiskImage } from '../../image/open-disk-image.ts';
import { type InspectReport, inspectImage } from '../../inspect/inspect.ts';
import type { ImageOptions } from '../../options.ts';
import { imageOptions } from '../commands/shared-options.ts';
import { table } from '../screens/result-text.ts';
import { formatBytes } from '../screens/units.ts';
import { showVerdict } from './check-verdict.ts';
import type { GuideContext, GuidedImage } from './context.ts';

/**
 * Shows an image, and asks for what is missing to read it.
 * @returns undefined if the user does not want to upload it after what the check found.
 * @throws what an upload of it would: it cannot be read, or Azure would certainly reject it.
 */
export async function describeImage(path: string, context: GuideContext): Promise<GuidedImage | undefined> {
  const { dialogue, args, environment } = context;
  const { signal } = dialogue;
  dialogue.say(`Looking at ${printable(path)} ...`);
  const { options, words } = await readableOptions(path, context);
  const report = await inspectImage({ ...options, image: path, signal });
  const { disk, parents } = report;
  if (disk === undefined) throw new UnsupportedImageError(report.problems.at(-1)?.message ?? `Cannot read ${path}.`);
  const isData = disk.operatingSystem === undefined && disk.boot.generations.length === 0;
  const check = await checkImage({ ...options, image: path, purpose: isData ? 'data-disk' : 'vm', signal });
  dialogue.show(`\n${table(printable(path), rowsOf(report, check))}\n`);
  dialogue.show(showVerdict(check, dialogue.screen, environment));
  const isRefused = check.counts.fail > 0 && !args.skipChecks;
  if (isRefused && !(await dialogue.confirm('Upload it nevertheless?', false))) return undefined;
  const { family } = disk.operatingSystem ?? {};
  return {
    path,
    size: disk.size,
    allocated: disk.allocated,
    parents: parents.map((parent) => parent.path),
    words,
    fitsPageBlob: !check.findings.some(({ id, result }) => id === 'page-blob-size' && result === 'fail'),
    hasKnownSystem: isData || family === 'windows' || family === 'linux',
  };
}

/** The options with which the image can be read, and those of them that the command line does not have yet. */
async function readableOptions(
  path: string,
  { args, dialogue }: GuideContext,
): Promise<{ readonly options: ImageOptions; readonly words: readonly string[] }> {
  const { image: _, ...given } = imageOptions(args);
  let options: ImageOptions = given;
  const words: string[] = [];
  for (;;) {
    try {
      await tryToRead(path, options, args.skipChecks);
      return { options, words };
    } catch (error) {
      if (error instanceof ParentImageError && error.search !== undefined) {
        dialogue.explain(error);
        const parent = await dialogue.ask('Folder or file of the parent', { parse: withoutWrapping });
        if (parent === undefined) throw error;
        options = { ...options, parentPaths: [...(options.parentPaths ?? []), parent] };
        words.push('--parent-path', parent);
      } else if (error instanceof UnsupportedImageError && options.format === undefined && (await isUnknown(path))) {
        dialogue.explain(error);
        if (!(await dialogue.confirm('Read it as a raw disk?', false))) throw error;
        options = { ...options, format: 'raw' };
        words.push('--format', 'raw');
      } else throw error;
    }
  }
}

async function tryToRead(path: string, options: ImageOptions, skipChecks: boolean): Promise<void> {
  const warnings: ImageWarning[] = [];
  const image = await openDiskImage(path, { ...options, onWarning: (warning) => warnings.push(warning) });
  try {
    // Whether it fits in a page blob matters only if it goes to one.
    if (!skipChecks) await checkBeforeUpload(image, warnings, { blobName: undefined });
  } finally {
    await image.close();
  }
}

/** Whether nothing shows what the file is, so that it may be a raw disk without a partition table. */
async function isUnknown(path: string): Promise<boolean> {
  if (!/\.(?:raw|img|dd)$/i.test(path)) return false;
  const file = await ImageFile.open(path);
  try {
    return (await recognise(file)) === undefined;
  } finally {
    await file.close();
  }
}

function rowsOf({ image, disk, parents }: InspectReport, { generation }: CheckReport): (readonly [string, string])[] {
  if (disk === undefined) return [];
  const { operatingSystem: system, size, allocated } = disk;
  const version = system?.version !== undefined && !system.name.includes(system.version) ? ` ${system.version}` : '';
  return [
    ['format', image.format === undefined ? 'not known' : formatName(image.format)],
    ...parents.map((parent) => ['parent', printable(parent.path)] as const),
    ['disk', formatBytes(size)],
    ['to send', `at most ${formatBytes(allocated)}: unallocated space and zeros are left out`],
    ['system', system === undefined ? 'none found' : printable(`${system.name}${version}`)],
    ...(generation === undefined
      ? []
      : [['generation', `${generation} (${generation === 1 ? 'BIOS' : 'UEFI'})`] as const]),
  ];
}
