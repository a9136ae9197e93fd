// Rules about the size of the disk.
import { MIB, PAGE_SIZE } from '../../base/byte-range.ts';
import { guessOperatingSystem } from '../../volume/operating-system.ts';
import type { CheckFacts } from '../check-facts.ts';
import { fail, onlyFor, pass, type Rule, unread, warn } from '../rule.ts';

const GIB = 1024 * MIB;

/** A page blob holds at most 8 TiB, including the footer. */
const MAX_PAGE_BLOB = 8192 * GIB;

export function inUnits(bytes: number): string {
  if (bytes >= GIB) return `${trim(bytes / GIB)} GiB`;
  return bytes >= MIB ? `${trim(bytes / MIB)} MiB` : `${bytes} bytes`;
}

/** A difference of a MiB does not show in GiB. */
function exact(bytes: number): string {
  return `${inUnits(bytes)} (${bytes} bytes)`;
}

function trim(value: number): string {
  return String(Number(value.toFixed(2)));
}

const MINIMUM: Rule = {
  id: 'size-minimum',
  sources: ['certification', 'directUpload'],
  level: 'A',
  group: 'size',
  title: 'At least 20 MiB',
  reason: 'A managed disk cannot be created from a smaller VHD.',
  run: ({ image: { size, azureSize } }) =>
    azureSize >= 20 * MIB ? pass(inUnits(size)) : fail(exact(size), 'Make the disk larger.'),
};

/** The largest disk in bytes, what the limit applies to, and how to meet it. */
function limitOf({ purpose, generation }: CheckFacts): { limit: number; of: string; fix: string } {
  if (purpose === 'data-disk')
    return { limit: 32_767 * GIB, of: 'a data disk', fix: 'Distribute the data over several disks.' };
  if (generation === 2)
    return {
      limit: 4095 * GIB,
      of: 'an OS disk of generation 2',
      fix: 'Shrink the disk, or move data to a data disk.',
    };
  return {
    limit: 2048 * GIB,
    of: 'an OS disk of generation 1, the limit of its partition table,',
    fix: 'Shrink the disk, move data to a data disk, or use generation 2.',
  };
}

const MAXIMUM: Rule = {
  id: 'size-maximum',
  sources: ['disks', 'generation2'],
  level: 'A',
  group: 'size',
  title: 'Not too large',
  reason:
    'Azure limits disks by purpose: OS disks to 2 TiB in generation 1 and 4,095 GiB in generation 2, data disks to 32,767 GiB.',
  run: (facts) => {
    const { limit, of, fix } = limitOf(facts);
    const { azureSize } = facts.image;
    return azureSize <= limit
      ? pass(`${inUnits(azureSize)} of at most ${inUnits(limit)}`)
      : fail(`${exact(azureSize)}, and ${of} holds at most ${exact(limit)}`, fix);
  },
};

const PAGE_BLOB: Rule = {
  id: 'page-blob-size',
  sources: ['blobs'],
  level: 'A',
  group: 'size',
  title: 'Fits in a page blob',
  reason: 'A page blob holds at most 8 TiB, including the footer of 512 bytes.',
  run: ({ image: { azureSize } }) =>
    azureSize + PAGE_SIZE <= MAX_PAGE_BLOB
      ? pass(`${inUnits(azureSize)} and ${PAGE_SIZE} bytes`)
      : warn(
          `${inUnits(azureSize)} and ${PAGE_SIZE} bytes`,
          'Upload it directly to a managed disk, which holds up to 32 TiB, or shrink the disk.',
        ),
};

const ALIGNMENT: Rule = {
  id: 'size-alignment',
  sources: ['windows', 'linux'],
  level: 'A',
  group: 'size',
  title: 'Whole number of MiB',
  reason:
    'Azure rejects other sizes, so vhdup pads the disk with zeros. The backup of a GPT belongs at the very end of the disk.',
  run: ({ image: { size, azureSize }, layout }) => {
    if (size === azureSize) return pass(inUnits(size));
    const found = `${size} bytes, padded to ${inUnits(azureSize)}`;
    return layout.table?.scheme === 'gpt'
      ? warn(
          `${found}: the backup of the GPT is then ${azureSize - size} bytes before the end`,
          'Guests repair it or warn. To repair it yourself, run sgdisk --move-second-header on the grown disk.',
        )
      : pass(found);
  },
};

/** In bytes, by operating system (certification of virtual machine images, "VHD specifications"). */
const MARKETPLACE_SIZES = {
  linux: { least: 1 * GIB, most: 1023 * GIB, name: 'a Linux' },
  windows: { least: 30 * GIB, most: 250 * GIB, name: 'a Windows' },
} as const;

/** As found, or else as the partitions suggest. */
function familyOf({ guest, layout }: CheckFacts): string | undefined {
  return guest?.kind === 'linux' || guest?.kind === 'windows' ? guest.kind : guessOperatingSystem(layout)?.family;
}

const MARKETPLACE_SIZE: Rule = {
  id: 'marketplace-size',
  sources: ['certification'],
  level: 'A',
  group: 'size',
  title: 'Size for the Marketplace',
  reason: 'The Marketplace accepts OS disks from 1 to 1,023 GB for Linux and from 30 to 250 GB for Windows.',
  exempt: onlyFor('marketplace'),
  run: (facts) => {
    const { azureSize } = facts.image;
    const family = familyOf(facts);
    const sizes = Object.values(MARKETPLACE_SIZES);
    const candidates = family === undefined ? sizes : [MARKETPLACE_SIZES[family === 'windows' ? 'windows' : 'linux']];
    const fitting = candidates.filter(({ least, most }) => azureSize >= least && azureSize <= most);
    const names = (list: typeof candidates) => list.map(({ name }) => name).join(' or ');
    if (fitting.length === candidates.length) return pass(`${inUnits(azureSize)} for ${names(candidates)} disk`);
    if (fitting.length > 0) {
      return unread(
        `${inUnits(azureSize)}, for ${names(fitting)} disk only, and the operating system is unknown`,
        'Compare it with the limits for its operating system.',
      );
    }
    const limits = candidates.map(({ name, least, most }) => `${name} disk of ${inUnits(least)} to ${inUnits(most)}`);
    return fail(`${inUnits(azureSize)} for ${limits.join(' or ')}`, 'Resize the disk.');
  },
};

export const SIZE_RULES: readonly Rule[] = [MINIMUM, MAXIMUM, PAGE_BLOB, ALIGNMENT, MARKETPLACE_SIZE];
