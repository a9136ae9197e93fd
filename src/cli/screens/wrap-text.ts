// Wraps text to a width.
import { piecesOf, textWidth } from './text-width.ts';

/** Lines of at most `width` columns, broken at blanks. Longer words are split. Existing line breaks are kept. */
export function wrapText(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, width));
}

function wrapLine(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  let taken = 0;
  for (const word of text.split(/\s+/).filter(Boolean)) {
    for (const piece of piecesOf(word, Math.max(1, width))) {
      const more = textWidth(piece);
      if (line !== '' && taken + 1 + more > width) {
        lines.push(line);
        line = '';
      }
      taken = line === '' ? more : taken + 1 + more;
      line = line === '' ? piece : `${line} ${piece}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}
