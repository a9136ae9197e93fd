// Makes foreign text safe to print. Images, file names, services and the environment may contain terminal escapes or hidden characters.

/** Controls, formatting characters (bidirectional, zero-width), line separators, lone surrogates and invisible fillers. */
const UNSAFE = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]`;
const ANY_UNSAFE = new RegExp(UNSAFE, 'gu');

/** In characters: a foreign text must not fill the screen. */
const MAX_LENGTH = 1024;
/** In characters, of one line, which may contain several foreign texts. */
const MAX_LINE = 8 * 1024;
const MAX_LINES = 200;

/** One foreign text inside a sentence: each unsafe character becomes `\u{hexadecimal}`, and texts beyond 1024 characters are cut. */
export function printable(text: string): string {
  return cut(escapeUnsafe(text.slice(0, MAX_LENGTH + 1)), MAX_LENGTH);
}

/** A path for messages; "" if it is empty. */
export function shownPath(path: string): string {
  return path === '' ? '""' : printable(path);
}

/** A whole message: line feeds are kept, all other unsafe characters are escaped, and very long messages are cut. */
export function printableText(text: string): string {
  const lines = text.split('\n', MAX_LINES + 1);
  const shown = lines.slice(0, MAX_LINES).map((line) => cut(escapeUnsafe(line), MAX_LINE));
  if (lines.length > MAX_LINES) shown.push('...');
  return shown.join('\n');
}

/** @param keep - Control sequences that are not escaped. Each must start with a control character. */
export function escapeUnsafe(text: string, keep?: RegExp): string {
  const pattern = keep === undefined ? ANY_UNSAFE : new RegExp(`${keep.source}|${UNSAFE}`, 'gu');
  const isKept = keep === undefined ? undefined : new RegExp(`^(?:${keep.source})$`, 'u');
  return text.replace(pattern, (found) =>
    isKept?.test(found) === true ? found : `\\u{${found.codePointAt(0)?.toString(16)}}`,
  );
}

/** Never cuts inside a surrogate pair or an escape. */
function cut(escaped: string, length: number): string {
  if (escaped.length <= length) return escaped;
  return `${escaped.slice(0, length).replace(/[\ud800-\udbff]$|\\u\{?[\da-f]*$/, '')}...`;
}
