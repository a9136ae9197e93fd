// The free space of the guest that an upload left out, volume by volume.
import { formatBytes } from '../../base/units.ts';
import { type Fields, isFields, listIn, numberIn, textIn } from '../fields.ts';
import type { Html } from './html.ts';
import { table } from './parts.ts';
import { bytes, name } from './words.ts';

export function freeSpaceTable(report: Fields): Html {
  const volumes = listIn(report, 'volumes').filter(isFields);
  const unread = listIn(report, 'unread').filter(isFields);
  const sizeOf = (volume: Fields, field: string) => formatBytes(numberIn(volume, field) ?? 0);
  return table(
    `Free space of the guest: ${formatBytes(numberIn(report, 'bytes') ?? 0)} read as zeros`,
    [
      { name: 'Volume' },
      { name: 'Contents' },
      { name: 'Size', isNumber: true },
      { name: 'Free', isNumber: true },
      { name: 'Page files', isNumber: true },
      { name: 'Kept' },
    ],
    [
      ...volumes.map((volume) => [
        name(textIn(volume, 'name')),
        textIn(volume, 'type') ?? 'not recognised',
        bytes(numberIn(volume, 'size')),
        sizeOf(volume, 'free'),
        sizeOf(volume, 'pageFiles'),
        textIn(volume, 'reason') ?? 'only what is used',
      ]),
      ...unread.map((volume) => [name(textIn(volume, 'name')), '', '', '', '', textIn(volume, 'reason')]),
    ],
  );
}
