// Decodes texts that programs left in an image in another encoding than the specification asks for: paths, names, labels.

export type TextEncoding = 'utf-16be' | 'utf-16le' | 'utf-8' | 'windows-1252';

const MARKS: readonly (readonly [mark: string, encoding: TextEncoding])[] = [
  ['\xef\xbb\xbf', 'utf-8'],
  ['\xfe\xff', 'utf-16be'],
  ['\xff\xfe', 'utf-16le'],
];

/** What no path or name holds: controls, lone surrogates, private and unassigned characters, replacement marks. */
const IMPLAUSIBLE = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\ufeff\ufffd]/u;
const EXTENSION = /\.[a-z0-9]{1,5}$/i;

/**
 * The text in `bytes`, up to its first NUL, in whichever encoding makes most sense; undefined where none does.
 * A byte order mark decides. Without one, what looks like a path or a name in ASCII wins, and then `preferred`.
 * @param preferred - What the specification asks for.
 */
export function decodeForeignText(bytes: Uint8Array, preferred: TextEncoding): string | undefined {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [mark, encoding] of MARKS) {
    if (raw.toString('latin1', 0, mark.length) !== mark) continue;
    const text = decode(raw.subarray(mark.length), encoding);
    if (text !== undefined && scoreOf(text) !== undefined) return text;
  }
  const encodings = new Set<TextEncoding>([preferred, 'utf-16be', 'utf-16le', 'utf-8', 'windows-1252']);
  let best: { readonly text: string; readonly score: number } | undefined;
  for (const encoding of encodings) {
    const text = decode(raw, encoding);
    const score = text === undefined ? undefined : scoreOf(text);
    if (text === undefined || score === undefined || (best !== undefined && score <= best.score)) continue;
    // Any bytes are text in a code page of 8 bits: only a name with an extension proves that they were meant so.
    if (encoding === 'windows-1252' && !EXTENSION.test(text)) continue;
    best = { text, score };
  }
  return best !== undefined && best.score >= 0 ? best.text : undefined;
}

/** UTF-16 as it stands, up to its first NUL: to show what cannot be decoded better. */
export function plainUtf16(bytes: Uint8Array, encoding: 'utf-16be' | 'utf-16le'): string {
  return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes).replace(/\0.*$/s, '');
}

/** Without NULs before and after it; undefined where `bytes` are not in this encoding, or nothing but NULs. */
function decode(bytes: Buffer, encoding: TextEncoding): string | undefined {
  const isWide = encoding === 'utf-16be' || encoding === 'utf-16le';
  // A writer may leave out the last zero of UTF-16LE.
  const whole = isWide && bytes.length % 2 === 1 ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes;
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(
      isWide ? cutWide(whole) : cutNarrow(bytes),
    );
  } catch {
    return undefined;
  }
  return text === '' ? undefined : text;
}

function cutWide(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length && bytes.readUInt16LE(start) === 0) start += 2;
  let end = start;
  while (end < bytes.length && bytes.readUInt16LE(end) !== 0) end += 2;
  return bytes.subarray(start, end);
}

/** What follows a NUL is left out only after a name with an extension: UTF-16 has a NUL beside each ASCII character. */
function cutNarrow(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const text = bytes.subarray(start < 0 ? bytes.length : start);
  const end = text.indexOf(0);
  if (end < 0) return text;
  const cut = text.subarray(0, end);
  const isWhole = text.subarray(end).every((byte) => byte === 0) || EXTENSION.test(cut.toString('latin1'));
  return isWhole ? cut : Buffer.alloc(0);
}

/**
 * How much of `text` is what names are made of, and whether it ends with an extension: 2 at best. ASCII in UTF-16 that is read
 * with its bytes swapped becomes characters whose lower byte is 0, which count against it. Undefined where it is no text.
 */
function scoreOf(text: string): number | undefined {
  if (text === '' || IMPLAUSIBLE.test(text)) return undefined;
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  const ascii = units.filter((unit) => unit < 0x80).length;
  const swapped = units.filter((unit) => unit > 0xff && (unit & 0xff) === 0).length;
  return (ascii - 2 * swapped) / units.length + (EXTENSION.test(text) ? 1 : 0);
}
