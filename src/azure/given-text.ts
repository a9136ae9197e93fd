// Text as people give it, in a file, a variable, an argument or a paste, turned into the text that was meant.

/** Code units that are looked at to recognise UTF-16 without a byte order mark. */
const SAMPLE_UNITS = 512;

/**
 * Decodes what a file or a command holds. Windows PowerShell writes UTF-16, and some tools leave the byte order mark out.
 * @returns the text without its byte order mark.
 */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
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
/** Blanks of every kind, line ends, controls, and what cannot be seen: zero-width characters, byte order marks, directions. */
const EDGE = String.raw`[\s\p{Cc}\p{Cf}]+`;
const EDGES = new RegExp(`^${EDGE}|${EDGE}$`, 'gu');

/** Quotes as HTML and JSON write them, around the whole. */
const ESCAPED_QUOTES = /^(&quot;|&#34;|&#39;|&apos;|\\")([\s\S]*)\1$/;

/** `text` without what stands around it: blanks, line ends, invisible characters, quotes of any kind, angle brackets. */
export function withoutWrapping(text: string): string {
  let bare = text.replace(EDGES, '').replace(ESCAPED_QUOTES, '$2').replace(EDGES, '');
  while (bare.length > 1 && OPENING.includes(bare.charAt(0)) && CLOSING.includes(bare.charAt(bare.length - 1))) {
    bare = bare.slice(1, -1).replace(EDGES, '');
  }
  return bare;
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
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
 * Undoes how HTML and JSON write single characters, also where it was done twice (`&amp;amp;`), and the backslashes that
 * shells put before ?, & and = when a URL is pasted. None of them can be part of a SAS.
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
      .replace(/&([a-z]+);/g, (whole, name: string) => ENTITIES.get(name) ?? whole)
      .replace(/\\(?=[?&=%"/])/g, '');
    if (result === before) break;
  }
  return result;
}

/** Undefined where the percent-encoding is malformed. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A URL that was percent-encoded as a whole, decoded until it is one. Any other text as it is. */
export function decodedUrl(text: string): string {
  let url = text;
  while (/^https?%(?:25)*3a/i.test(url)) {
    const decoded = percentDecoded(url);
    if (decoded === undefined || decoded === url) break;
    url = decoded;
  }
  return url;
}

/** Whether a text begins as a URL does. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(decodedUrl(withoutWrapping(text)));
}
