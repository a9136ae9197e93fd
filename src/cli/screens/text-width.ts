// The width of text on a terminal: a Chinese character takes two columns, a combining one none.
import stringWidth from 'string-width';

/** Almost all text is of this kind, and a table may have a million rows. Lines and blocks: progress bars consist of them. */
const ONE_COLUMN_EACH = /^[ -~\u2500-\u259f]*$/;

/** In columns. */
export function textWidth(text: string): number {
  return ONE_COLUMN_EACH.test(text) ? text.length : stringWidth(text);
}

/** `text` with blanks up to this width. */
export function padToWidth(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const padding = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'right' ? padding + text : text + padding;
}

let characters: Intl.Segmenter | undefined;

/** The characters as users see them: a letter with its accents is one. */
export function charactersOf(text: string): string[] {
  if (ONE_COLUMN_EACH.test(text)) return [...text];
  // Its tables take 3 MiB of memory: most runs do not need them.
  characters ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return Array.from(characters.segment(text), ({ segment }) => segment);
}

/** Pieces of at most this width. A character that is wider stays whole. */
export function piecesOf(text: string, width: number): string[] {
  if (textWidth(text) <= width) return text === '' ? [] : [text];
  const pieces: string[] = [];
  let piece = '';
  let taken = 0;
  for (const character of charactersOf(text)) {
    const more = textWidth(character);
    if (piece !== '' && taken + more > width) {
      pieces.push(piece);
      piece = '';
      taken = 0;
    }
    piece += character;
    taken += more;
  }
  return piece === '' ? pieces : [...pieces, piece];
}
