// The volumes of an inspection: what is used and free in each, and whether it was closed cleanly.
import { printable } from '../../base/printable.ts';
import type { VolumeContents } from '../../inspect/volume-contents.ts';
import { type Column, tableLines } from './text-table.ts';
import { formatBytes } from './units.ts';

const CLOSED = { clean: 'yes', unclean: 'no', unknown: 'not known' } as const;

export interface VolumeLines {
  /** The titles first. */
  readonly table: readonly string[];
  /** Sentences about what the table cannot say. */
  readonly notes: readonly string[];
}

/** Undefined if there is no volume with a file system. */
export function volumeLines(
  volumes: readonly VolumeContents[],
  unread: readonly { readonly name: string; readonly reason: string }[],
  width: number,
): VolumeLines | undefined {
  const shown = volumes.filter(({ fileSystem }) => fileSystem.kind !== 'volume-group');
  if (shown.length === 0 && unread.length === 0) return undefined;
  const isScanned = shown.some(({ freeNotZero }) => freeNotZero !== undefined);
  const columns: Column[] = [
    { title: 'volume' },
    { title: 'contents' },
    { title: 'used', align: 'right' },
    { title: 'free', align: 'right' },
    ...(isScanned ? [{ title: 'free, not zero', align: 'right' } as const] : []),
    { title: 'clean' },
  ];
  const rows = shown.map(({ name, fileSystem, used, free, freeNotZero, state }) => [
    name,
    fileSystem.name,
    amount(used),
    amount(free),
    ...(isScanned ? [amount(freeNotZero)] : []),
    CLOSED[state],
  ]);
  return {
    table: shown.length === 0 ? [] : tableLines(columns, rows, width),
    notes: [
      ...shown.flatMap(notesOf),
      ...unread.map(({ name, reason }) => `${name} is not read: ${printable(reason)}.`),
    ],
  };
}

function notesOf({ name, fileSystem, state, stateReason, freeReason }: VolumeContents): string[] {
  const notes: string[] = [];
  if (state === 'unclean') notes.push(`${name} was not closed cleanly: ${printable(stateReason)}.`);
  const isSaid = state === 'unclean' && freeReason !== undefined && stateReason.includes(freeReason);
  if (freeReason !== undefined && fileSystem.kind === 'file-system' && !isSaid) {
    notes.push(`The free space of ${name} is not known: ${printable(freeReason)}.`);
  }
  return notes;
}

function amount(bytes: number | undefined): string {
  return bytes === undefined ? '?' : formatBytes(bytes);
}
