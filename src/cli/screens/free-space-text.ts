// The words for free space that was or would be left out.
import type { FreeSpaceReport, VolumeFreeSpace } from '../../base/skip-free.ts';
import type { Skippable } from '../../upload/skippable.ts';
import { exact } from './result-text.ts';
import { formatBytes } from './units.ts';

type Row = readonly [string, string];

/** Rows of a result: each volume, and why all of it is kept. */
export function freeSpaceRows(report: FreeSpaceReport | undefined): readonly Row[] {
  if (report === undefined) return [];
  const { volumes, unread } = report;
  return [
    ['free space', report.bytes === 0 ? 'none that is certain' : `${exact(report.bytes)} read as zeros`] as const,
    ...volumes.map((volume): Row => ['', `${volume.name}: ${volumeText(volume)}`]),
    ...unread.map(({ name, reason }): Row => ['', `${name}: kept, because ${reason}`]),
  ];
}

/** "2.1 GiB free, 1 GiB of page files", "kept, because its journal needs recovery" */
export function volumeText({ free, pageFiles, reason }: VolumeFreeSpace): string {
  if (reason !== undefined) return `kept, because ${reason}`;
  const pages = pageFiles === 0 ? [] : [`${formatBytes(pageFiles)} of page and swap files`];
  return [`${formatBytes(free)} free`, ...pages].join(', ');
}

/** The same as lines of their own. */
export function freeSpaceText(report: FreeSpaceReport | undefined): string {
  return freeSpaceRows(report)
    .map(([name, text]) => `\n${name === '' ? '  ' : 'Free space: '}${text}`)
    .join('');
}

/** A line about an upload without the option; empty if there is nothing to report. @param verb "would leave out" */
export function skippableText(skippable: Skippable | undefined, verb: string): string {
  if (skippable === undefined) return '';
  const { bytes, volumes } = skippable;
  return `\n--skip-free ${verb} ${formatBytes(bytes)} of this: free space in ${volumes === 1 ? '1 volume' : `${volumes} volumes`}.`;
}
