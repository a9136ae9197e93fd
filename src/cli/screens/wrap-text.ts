// Wraps text to a width.

/** Lines of at most `width` characters, broken at blanks. Longer words are split. Existing line breaks are kept. */
export function wrapText(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, width));
}

function wrapLine(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter(Boolean)) {
    for (const piece of piecesOf(word, width)) {
      if (line !== '' && line.length + 1 + piece.length > width) {
        lines.push(line);
        line = '';
      }
      line = line === '' ? piece : `${line} ${piece}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

function piecesOf(word: string, width: number): string[] {
  return word.match(new RegExp(`.{1,${Math.max(1, width)}}`, 'gu')) ?? [];
}
