// Makes text that comes out of an image safe to print: it may hold terminal escapes or hidden characters.

/** Controls, formatting characters (bidirectional overrides, zero-width), line separators and lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Names longer than this are cut: nothing that an image says may fill a screen. */
const MAX_LENGTH = 1024;

/** `text` with each unsafe character as `\u{hexadecimal}`. */
export function printable(text: string): string {
  const escaped = text.replace(UNSAFE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return escaped.length > MAX_LENGTH ? `${escaped.slice(0, MAX_LENGTH)}...` : escaped;
}
