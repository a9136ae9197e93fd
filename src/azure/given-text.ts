// Cleans text from a file, a variable, an argument or the clipboard: encodings, quotes, invisible characters, escapes.
import { windows1252 } from '../base/foreign-text.ts';

/** How many code units are examined to detect UTF-16 without a byte order mark. */
const SAMPLE_UNITS = 512;

/**
 * Decodes the bytes of a file or of a command's output. Windows PowerShell writes UTF-16, some tools omit the byte order mark, and older
 * editors write Windows-1252: a quote or a blank of it around a SAS is not valid UTF-8.
 * @returns the text without its byte order mark.
 */
export function decodeText(bytes: Uint8Array): string {
  const encoding = encodingOf(bytes);
  if (encoding === 'utf-32le' || encoding === 'utf-32be') return decodeUtf32(bytes, encoding === 'utf-32le');
  // A tool that appends an ASCII line end to UTF-16 leaves half a unit at the end.
  const whole = encoding === 'utf-8' ? bytes : bytes.subarray(0, bytes.length - (bytes.length % 2));
  if (encoding !== 'utf-8') return new TextDecoder(encoding).decode(whole);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(whole);
  } catch {
    return windows1252(whole);
  }
}

/** Node.js has no decoder for it. */
function decodeUtf32(bytes: Uint8Array, isLittleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let at = 4; at + 4 <= bytes.length; at += 4) {
    const code = view.getUint32(at, isLittleEndian);
    text += code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code);
  }
  return text;
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'utf-32le' | 'utf-32be';

function encodingOf(bytes: Uint8Array): Encoding {
  const mark = Buffer.from(bytes.subarray(0, 4)).toString('hex');
  // That of UTF-32 starts like that of UTF-16.
  if (mark === 'fffe0000') return 'utf-32le';
  if (mark === '0000feff') return 'utf-32be';
  if (mark.startsWith('fffe')) return 'utf-16le';
  if (mark.startsWith('feff')) return 'utf-16be';
  // A SAS, a URL and a connection string are ASCII: one of the two bytes of each unit is zero.
  const units = Math.min(SAMPLE_UNITS, Math.floor(bytes.length / 2));
  const zeros = [0, 0];
  for (let at = 0; at < units * 2; at++) {
    if (bytes[at] === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  }
  const [even = 0, odd = 0] = zeros;
  if (odd > units * 0.8 && even === 0) return 'utf-16le';
  if (even > units * 0.8 && odd === 0) return 'utf-16be';
  return 'utf-8';
}

const OPENING = '"\'`“”„‟‘’‚‛«‹<';
const CLOSING = '"\'`“”‟‘’‛»›>';
/** White space, line ends, control characters, and invisible characters: zero-width, byte order and direction marks. */
const EDGE = String.raw`[\s\p{Cc}\p{Cf}]+`;
const EDGES = new RegExp(`^${EDGE}|${EDGE}$`, 'gu');

/** Quotes around the whole text, as HTML and JSON write them. */
const ESCAPED_QUOTES = /^(&quot;|&#34;|&#39;|&apos;|\\")([\s\S]*)\1$/;

/** `text` without white space, line ends, invisible characters, quotes of any kind or angle brackets around it. */
export function withoutWrapping(text: string): string {
  let bare = text.replace(EDGES, '').replace(ESCAPED_QUOTES, '$2').replace(EDGES, '');
  while (bare.length > 1 && OPENING.includes(bare.charAt(0)) && CLOSING.includes(bare.charAt(bare.length - 1))) {
    bare = bare.slice(1, -1).replace(EDGES, '');
  }
  return bare;
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['quot', '"'],
  ['apos', "'"],
  ['equals', '='],
  ['lt', '<'],
  ['gt', '>'],
  ['percnt', '%'],
  ['plus', '+'],
  ['quest', '?'],
  ['sol', '/'],
]);

/**
 * Decodes HTML and JSON escapes of single characters, also if applied twice (`&amp;amp;`), and removes the characters with which
 * shells escape ?, & and = in a URL: \ in sh, ^ in cmd.exe, ` in PowerShell. None of these can be part of a SAS.
 */
export function unescapeMarkup(text: string): string {
  let result = text;
  for (let round = 0; round < 3; round++) {
    const before = result;
    result = result
      .replace(/\\u00([2-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/&#x([2-7][0-9a-f]);/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/&#(\d{2,3});/g, (whole, decimal: string) =>
        Number(decimal) > 31 && Number(decimal) < 127 ? String.fromCharCode(Number(decimal)) : whole,
      )
      // Also without its semicolon: no field of a SAS starts with "amp".
      .replace(/&(?:amp;?)+/gi, '&')
      .replace(/&([a-z]+);/gi, (whole, name: string) => ENTITIES.get(name.toLowerCase()) ?? whole)
      .replace(/[\\^`](?=[?&=%"/])/g, '');
    if (result === before) break;
  }
  return result;
}

/** Undoes the doubling of % that batch files need: `%%3A` is `%3A`. */
export function withoutDoubledPercent(text: string): string {
  return text.replace(/%+(?=%[0-9a-f]{2})/gi, '');
}

/** Undefined if the percent-encoding is malformed. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Decodes a URL that was percent-encoded as a whole, once or several times. Returns any other text unchanged. */
export function decodedUrl(text: string): string {
  let url = text;
  while (/^https?%(?:25)*3a/i.test(url)) {
    const decoded = percentDecoded(url);
    if (decoded === undefined || decoded === url) break;
    url = decoded;
  }
  return url;
}

/** Whether a text starts with a URL scheme. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(decodedUrl(withoutWrapping(text)));
}
