// Decodes texts in an image that may have another encoding than the specification requires: paths, names, labels.

export type TextEncoding = 'utf-16be' | 'utf-16le' | 'utf-8' | 'windows-1252';

const MARKS: readonly (readonly [mark: string, encoding: TextEncoding])[] = [
  ['\xef\xbb\xbf', 'utf-8'],
  ['\xfe\xff', 'utf-16be'],
  ['\xff\xfe', 'utf-16le'],
];

/** Characters that no path or name contains: controls, lone surrogates, private and unassigned characters, replacement marks. */
const IMPLAUSIBLE = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\ufeff\ufffd]/u;
const EXTENSION = /\.[a-z0-9]{1,5}$/i;

/** Bytes 0x80 to 0x9f of Windows-1252; five of them are unassigned. Node 20 decodes all of them as controls. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/**
 * The text in `bytes`, up to its first NUL, in the most plausible encoding; undefined if none is plausible.
 * A byte order mark decides. Without one, text that looks like an ASCII path or name wins, then `preferred`.
 * @param preferred - The encoding that the specification requires.
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
    // Any bytes are valid in an 8-bit code page, so only a name with an extension proves this encoding.
    if (encoding === 'windows-1252' && !EXTENSION.test(text)) continue;
    best = { text, score };
  }
  return best !== undefined && best.score >= 0 ? best.text : undefined;
}

/** Plain UTF-16, up to its first NUL, to show text that cannot be decoded better. */
export function plainUtf16(bytes: Uint8Array, encoding: 'utf-16be' | 'utf-16le'): string {
  return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes).replace(/\0.*$/s, '');
}

/** Strips NULs at both ends; undefined if `bytes` are invalid in this encoding, or contain only NULs. */
function decode(bytes: Buffer, encoding: TextEncoding): string | undefined {
  const isWide = encoding === 'utf-16be' || encoding === 'utf-16le';
  // A writer may omit the last zero byte of UTF-16LE.
  const whole = isWide && bytes.length % 2 === 1 ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes;
  const cut = isWide ? cutWide(whole) : cutNarrow(bytes);
  if (encoding === 'windows-1252') return windows1252(cut) || undefined;
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(cut) || undefined;
  } catch {
    return undefined;
  }
}

/** Decodes Windows-1252, in which any bytes are valid. */
export function windows1252(bytes: Uint8Array): string {
  const latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return latin1.toString('latin1').replace(/[\x80-\x9f]/g, (byte) => WINDOWS_1252.charAt(byte.charCodeAt(0) - 0x80));
}

function cutWide(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length && bytes.readUInt16LE(start) === 0) start += 2;
  let end = start;
  while (end < bytes.length && bytes.readUInt16LE(end) !== 0) end += 2;
  return bytes.subarray(start, end);
}

/** Cuts at a NUL only after a name with an extension, because UTF-16 has a NUL beside each ASCII character. */
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
 * The plausibility of `text`: its share of ASCII, plus 1 if it ends with an extension, so 2 at best. Characters whose lower byte
 * is 0 count against it, because byte-swapped ASCII in UTF-16 becomes such characters. Undefined if it is not text.
 */
function scoreOf(text: string): number | undefined {
  if (text === '' || IMPLAUSIBLE.test(text)) return undefined;
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  const ascii = units.filter((unit) => unit < 0x80).length;
  const swapped = units.filter((unit) => unit > 0xff && (unit & 0xff) === 0).length;
  return (ascii - 2 * swapped) / units.length + (EXTENSION.test(text) ? 1 : 0);
}
