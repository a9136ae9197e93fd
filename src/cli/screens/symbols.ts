// The characters of bars and maps. All other output is ASCII, except for names from users and images.

export interface Symbols {
  /** The cells of a bar: finished and remaining. */
  readonly done: string;
  readonly left: string;
  /** The cells of a map, from empty to full. */
  readonly shades: readonly [string, string, string, string, string];
  /** The left and right edge of a map. */
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
