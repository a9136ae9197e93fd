// Rules about the image file itself: its format, its footer, and the program that wrote it.

import { printable } from '../../base/printable.ts';
import type { ImageWarning } from '../../image/disk-image.ts';
import { formatName } from '../../image/format-name.ts';
import type { ImageFacts } from '../check-facts.ts';
import { fail, pass, type Rule, warn } from '../rule.ts';

/** Codes of warnings that other rules cover. Every other warning means that the file is not intact. */
const COVERED_ELSEWHERE: readonly string[] = ['saved-state', 'sector-size-4096', 'raw-by-content'];

function messages(warnings: readonly ImageWarning[], isIncluded: (code: string) => boolean): string | undefined {
  const included = warnings.filter(({ code }) => isIncluded(code)).map(({ message }) => message);
  return included.length === 0 ? undefined : included.join(' ');
}

/** A raw disk may be a VHD without its footer. */
function nameOfFormat({ format, warnings }: ImageFacts): string {
  return warnings.some(({ code }) => code === 'raw-by-content')
    ? 'raw disk (a partition table and no footer)'
    : formatName(format);
}

/** Every image that opens passes. checkImage turns an error of opening into a failure of this rule. */
export const IMAGE_READABLE: Rule = {
  id: 'image-readable',
  sources: ['certification'],
  level: 'A',
  group: 'image',
  title: 'Readable image',
  reason: 'Azure accepts fixed VHDs with an intact footer. vhdup converts every image that it can read.',
  run: ({ image }) =>
    pass(
      image.format === 'vhd-fixed'
        ? formatName(image.format)
        : `${nameOfFormat(image)}, converted to a fixed VHD during the upload`,
    ),
};

const IMAGE_INTACT: Rule = {
  id: 'image-intact',
  sources: ['certification'],
  level: 'A',
  group: 'image',
  title: 'Intact footer and length',
  reason: 'An image with contradictory structures was truncated or damaged, and its data may be incomplete.',
  run: ({ image }) => {
    const damage = messages(image.warnings, (code) => !COVERED_ELSEWHERE.includes(code));
    return damage === undefined
      ? pass('no contradictions')
      : warn(damage, 'Copy the image again and compare it with its source.');
  },
};

const SAVED_STATE: Rule = {
  id: 'saved-state',
  sources: ['vhd'],
  level: 'A',
  group: 'image',
  title: 'Shut down, not suspended',
  reason: 'A suspended machine stores its memory in a separate file, which Azure does not accept.',
  exempt: ({ image }) => (image.format.startsWith('vhd-') ? undefined : 'only a VHD records it'),
  run: ({ image }) => {
    const saved = messages(image.warnings, (code) => code === 'saved-state');
    return saved === undefined
      ? pass('no saved state')
      : fail('the footer marks a suspended machine', 'Resume the machine and shut it down.');
  },
};

const SECTOR_SIZE: Rule = {
  id: 'sector-size',
  sources: ['windows', 'directUpload'],
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
  sources: ['linux'],
  level: 'A',
  group: 'image',
  title: 'Creator without faults',
  reason:
    'qemu-img without force_size rounds the disk size to a geometry, and versions 2.2.1 to 2.5 wrote VHDs that Azure rejects. All of them leave the same creator mark.',
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
  sources: ['certification'],
  level: 'A',
  group: 'image',
  title: 'Blob name',
  reason: 'The Marketplace rejects blob names with % or ", and other tools have trouble with them.',
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
