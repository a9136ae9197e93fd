// Symbols: the characters that bars and maps are drawn with. All else that is printed, but for names that users gave, is ASCII.

export interface Symbols {
  /** Of a bar: a cell that is done, and one that is left. */
  readonly done: string;
  readonly left: string;
  /** Of a map: from nothing to all. */
  readonly shades: readonly [string, string, string, string, string];
  /** Of a map: both sides. */
  readonly edge: string;
}

export const UNICODE: Symbols = {
  done: '\u2588',
  left: '\u2591',
  shades: ['\u00b7', '\u2591', '\u2592', '\u2593', '\u2588'],
  edge: '\u2502',
};

export const ASCII: Symbols = {
  done: '#',
  left: '-',
  shades: ['.', '-', '+', '*', '#'],
  edge: '|',
};
