// Finds the word that a user may have meant.

/** The most edits: one in short words, two in longer ones. A word of three letters may only lack one: too many others are similar. */
function mostEdits({ length }: string, candidate: string): number {
  if (length < 4) return length === 3 && candidate.length === 4 ? 1 : 0;
  return length < 6 ? 1 : 2;
}

/** @returns the candidate that differs least from `word`; undefined if none is similar. Case and hyphens do not matter. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const typed = plain(word);
  let best: { readonly candidate: string; readonly edits: number } | undefined;
  for (const candidate of candidates) {
    const compared = plain(candidate);
    const edits = editDistance(typed, compared);
    if (edits <= mostEdits(typed, compared) && edits < (best?.edits ?? Number.POSITIVE_INFINITY))
      best = { candidate, edits };
  }
  return best?.candidate;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll('-', '');
}

/** The number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (current[column - 1] ?? 0) + 1,
        (previous[column] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (beforePrevious[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}
