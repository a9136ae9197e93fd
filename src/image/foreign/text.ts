// Text files in place of a disk image: a sign-in page, an error message, a pointer to the real file.
import type { ImageFile } from '../image-file.ts';
import { advise, convert, convertCommand, type ForeignFormat } from './foreign-format.ts';

const HEAD_LENGTH = 1024;

const DOWNLOAD =
  'The download saved a response of the web server instead of the image. Sign in or get a new link, then download it again.';

/** Tried in this order against the beginning of the text, after its byte order mark and white space. */
const KINDS: readonly (readonly [begins: RegExp, format: ForeignFormat])[] = [
  [
    /^version https:\/\/git-lfs\.github\.com\//,
    advise('a pointer of Git LFS', 'Fetch the file that it refers to: git lfs pull --include=SOURCE'),
  ],
  [
    /^bplist00/,
    advise(
      'a property list, a placeholder of iCloud Drive for a file',
      'Download the file itself: brctl download SOURCE',
    ),
  ],
  [
    /^(<\?xml[^>]*>\s*)?<Parallels_disk_image/i,
    advise(
      'the descriptor of a Parallels disk image (DiskDescriptor.xml)',
      `Convert the .hds file beside it: ${convertCommand('disk.hds', '-f parallels')}`,
    ),
  ],
  [/^# Disk DescriptorFile/, convert('the descriptor of a VMDK disk image', '-f vmdk')],
  [
    /^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<([\w]+:)?Envelope/is,
    advise('the description of an appliance (OVF)', 'Use the disk image that it names.'),
  ],
  [/^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype html|<html|<head|<body)/is, advise('a web page (HTML)', DOWNLOAD)],
  [/^<\?xml|^<[A-Za-z][\w:.-]*[\s/>]/, advise('an XML document', DOWNLOAD)],
  [/^[{[]\s*(["{}[\]]|$)/, advise('a JSON document', DOWNLOAD)],
];

const PLAIN = advise(
  'a text file',
  'Use the disk image itself. If this is the result of a download, download it again.',
);

/** Recognises text of any kind by its first KiB. */
export async function asText(file: ImageFile): Promise<ForeignFormat | undefined> {
  const head = Buffer.alloc(Math.min(HEAD_LENGTH, file.size));
  await file.read(0, head);
  const text = decode(head, file.size > head.length);
  if (text !== undefined) return text.trim() === '' ? undefined : (kindOf(text) ?? PLAIN);
  if (isNarrowText(head)) return kindOf(head.toString('latin1')) ?? PLAIN;
  // A page in an older encoding or a binary property list is recognised by its beginning alone.
  return kindOf(head.toString('latin1', 0, 256));
}

function kindOf(text: string): ForeignFormat | undefined {
  const trimmed = text.trimStart();
  return KINDS.find(([begins]) => begins.test(trimmed))?.[1];
}

/** UTF-8 or UTF-16; undefined if it is not text. The last character may be cut off. */
function decode(head: Buffer, isCut: boolean): string | undefined {
  const encoding = encodingOf(head);
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(head, { stream: isCut });
    return /[^\P{Cc}\t\n\f\r]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** UTF-16 has a byte order mark, or begins with characters of ASCII: bytes of which every other one is zero. */
function encodingOf(head: Buffer): 'utf-16le' | 'utf-16be' | 'utf-8' {
  const begins = head.toString('latin1', 0, 8);
  if (begins.startsWith('\xff\xfe') || /^([^\0]\0){4}$/.test(begins)) return 'utf-16le';
  return begins.startsWith('\xfe\xff') || /^(\0[^\0]){4}$/.test(begins) ? 'utf-16be' : 'utf-8';
}

/** Text in an 8-bit encoding: mostly ASCII, without a control character. A few bytes prove nothing. */
function isNarrowText(head: Buffer): boolean {
  const ascii = head.filter((byte) => byte < 0x7f).length;
  const hasControls = head.some((byte) => byte === 0x7f || (byte < 0x20 && ![9, 10, 12, 13].includes(byte)));
  return !hasControls && head.length >= 8 && ascii > head.length / 2;
}
