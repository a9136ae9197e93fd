// Rules of the image file itself: its format, its footer, and what made it.

import { printable } from '../../base/printable.ts';
import type { ImageWarning } from '../../image/disk-image.ts';
import { formatName } from '../../image/format-name.ts';
import type { ImageFacts } from '../check-facts.ts';
import { fail, pass, type Rule, warn } from '../rule.ts';

/** Kinds of warnings that other rules speak of; all others say that the file is not as it should be. */
const OF_OTHER_RULES: readonly string[] = ['saved-state', 'sector-size-4096', 'raw-by-content'];

function messages(warnings: readonly ImageWarning[], isMeant: (code: string) => boolean): string | undefined {
  const meant = warnings.filter(({ code }) => isMeant(code)).map(({ message }) => message);
  return meant.length === 0 ? undefined : meant.join(' ');
}

/** A raw disk may be a VHD that lost its footer. */
function nameOfFormat({ format, warnings }: ImageFacts): string {
  return warnings.some(({ code }) => code === 'raw-by-content')
    ? 'raw disk (a partition table and no footer)'
    : formatName(format);
}

/** Passed by every image that can be opened; check.ts makes a failure of an error. */
export const IMAGE_READABLE: Rule = {
  id: 'image-readable',
  level: 'A',
  group: 'image',
  title: 'Readable image',
  reason: 'Azure takes fixed VHDs with an intact footer. vhdup makes one of every image that it can read.',
  run: ({ image }) =>
    pass(
      image.format === 'vhd-fixed'
        ? formatName(image.format)
        : `${nameOfFormat(image)}, which becomes a fixed VHD on the way`,
    ),
};

const IMAGE_INTACT: Rule = {
  id: 'image-intact',
  level: 'A',
  group: 'image',
  title: 'Intact footer and length',
  reason: 'An image whose structures contradict one another was cut or damaged, and its data may be incomplete.',
  run: ({ image }) => {
    const damage = messages(image.warnings, (code) => !OF_OTHER_RULES.includes(code));
    return damage === undefined
      ? pass('no contradictions')
      : warn(damage, 'Copy the image again, and compare it with its source.');
  },
};

const SAVED_STATE: Rule = {
  id: 'saved-state',
  level: 'A',
  group: 'image',
  title: 'Shut down, not suspended',
  reason: 'A suspended machine keeps what is not yet on the disk in a file of its own, which Azure does not take.',
  exempt: ({ image }) => (image.format.startsWith('vhd-') ? undefined : 'only a VHD says so'),
  run: ({ image }) => {
    const saved = messages(image.warnings, (code) => code === 'saved-state');
    return saved === undefined
      ? pass('no saved state')
      : fail('the footer is marked as that of a suspended machine', 'Resume the machine and shut it down.');
  },
};

const SECTOR_SIZE: Rule = {
  id: 'sector-size',
  level: 'A',
  group: 'image',
  title: 'Sectors of 512 bytes',
  reason: 'Azure attaches a VHD as a disk with sectors of 512 bytes, and partition tables count sectors.',
  run: ({ image }) =>
    image.warnings.some(({ code }) => code === 'sector-size-4096')
      ? fail(
          'sectors of 4096 bytes',
          'Copy the file systems to a disk with sectors of 512 bytes: New-VHD -LogicalSectorSizeBytes 512.',
        )
      : pass('512 bytes'),
};

const CREATOR: Rule = {
  id: 'creator',
  level: 'A',
  group: 'image',
  title: 'Creator without faults',
  reason:
    'qemu-img without force_size rounds the disk to a geometry, and its versions 2.2.1 to 2.5 wrote VHDs that Azure refuses; all of them sign alike.',
  exempt: ({ image }) => (image.creator === undefined ? 'not a VHD' : undefined),
  run: ({ image: { creator = '' } }) =>
    creator === 'qemu'
      ? warn(
          'qemu-img without force_size',
          'Convert it again: qemu-img convert -O vpc -o subformat=fixed,force_size=on.',
        )
      : pass(`"${printable(creator.replace(/\0+$/, '').trimEnd())}"`),
};

const BLOB_NAME: Rule = {
  id: 'blob-name',
  level: 'A',
  group: 'image',
  title: 'Name of the blob',
  reason: 'The Marketplace does not take a blob with % or " in its name, and other tools stumble over it.',
  exempt: ({ blobName }) => (blobName === undefined ? 'no name was given' : undefined),
  run: ({ blobName = '', purpose }) => {
    const found = `"${printable(blobName)}"`;
    if (!/[%"]/.test(blobName)) return pass(found);
    return (purpose === 'marketplace' ? fail : warn)(found, 'Choose a name without % and ".');
  },
};

export const IMAGE_RULES: readonly Rule[] = [
  IMAGE_READABLE,
  IMAGE_INTACT,
  SAVED_STATE,
  SECTOR_SIZE,
  CREATOR,
  BLOB_NAME,
];
