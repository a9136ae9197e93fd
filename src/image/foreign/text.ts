// Text where a disk image should be: a sign-in page, an error message, a pointer to the file that was meant.
import type { ImageFile } from '../image-file.ts';
import { advise, convert, convertCommand, type ForeignFormat } from './foreign-format.ts';

const LOOKED_AT = 1024;

const DOWNLOAD =
  'The download saved an answer of the web server in place of the image. Sign in, or get a new link, and download it again.';

/** In this order, against the beginning of the text, without a byte order mark and blanks before it. */
const KINDS: readonly (readonly [begins: RegExp, format: ForeignFormat])[] = [
  [
    /^version https:\/\/git-lfs\.github\.com\//,
    advise('a pointer of Git LFS', 'Fetch the file that it stands for: git lfs pull --include=SOURCE.'),
  ],
  [
    /^bplist00/,
    advise(
      'a property list, as iCloud Drive leaves it in place of a file',
      'Download the file itself: brctl download SOURCE.',
    ),
  ],
  [
    /^(<\?xml[^>]*>\s*)?<Parallels_disk_image/i,
    advise(
      'the descriptor of a Parallels disk image (DiskDescriptor.xml)',
      `Convert the .hds file beside it: ${convertCommand('disk.hds', '-f parallels')}.`,
    ),
  ],
  [/^# Disk DescriptorFile/, convert('the descriptor of a VMDK disk image', '-f vmdk')],
  [
    /^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<([\w]+:)?Envelope/is,
    advise('the description of an appliance (OVF)', 'Name the disk image that it mentions.'),
  ],
  [/^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype html|<html|<head|<body)/is, advise('a web page (HTML)', DOWNLOAD)],
  [/^<\?xml|^<[A-Za-z][\w:.-]*[\s/>]/, advise('an XML document', DOWNLOAD)],
  [/^[{[]\s*(["{}[\]]|$)/, advise('a JSON document', DOWNLOAD)],
];

const PLAIN = advise(
  'a text file',
  'Name the disk image itself. If this is what a download brought, download it again.',
);

/** Text of any kind, told by its first KiB. */
export async function asText(file: ImageFile): Promise<ForeignFormat | undefined> {
  const head = Buffer.alloc(Math.min(LOOKED_AT, file.size));
  await file.read(0, head);
  const text = decode(head, file.size > head.length);
  if (text !== undefined) return text.trim() === '' ? undefined : (kindOf(text) ?? PLAIN);
  // A page in an older encoding, or a binary property list: known by its beginning alone.
  return kindOf(head.toString('latin1', 0, 256));
}

function kindOf(text: string): ForeignFormat | undefined {
  const trimmed = text.trimStart();
  return KINDS.find(([begins]) => begins.test(trimmed))?.[1];
}

/** UTF-8, or UTF-16 with its mark; undefined where it is no text. The last character may be cut. */
function decode(head: Buffer, isCut: boolean): string | undefined {
  const mark = head.toString('latin1', 0, 2);
  const encoding = mark === '\xff\xfe' ? 'utf-16le' : mark === '\xfe\xff' ? 'utf-16be' : 'utf-8';
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(head, { stream: isCut });
    return /[^\P{Cc}\t\n\f\r]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
