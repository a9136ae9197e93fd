// Screen: what a result is shown on, and what may be drawn there.
import { hasUnicode, wantsColours } from './environment.ts';

export interface Screen {
  /** In characters. */
  readonly width: number;
  readonly colours: boolean;
  /** Without, only ASCII is drawn, except for what an image says. */
  readonly unicode: boolean;
}

/** Of a file or a pipe, which has no width. */
const DEFAULT_WIDTH = 80;
const MIN_WIDTH = 40;
/** Longer lines are hard to read. */
const MAX_WIDTH = 140;

export function screenOf(environment: NodeJS.ProcessEnv, stream: NodeJS.WriteStream): Screen {
  return {
    // A terminal that does not know its width says 0.
    width: Math.max(MIN_WIDTH, Math.min(stream.columns || DEFAULT_WIDTH, MAX_WIDTH)),
    colours: wantsColours(environment, stream),
    unicode: hasUnicode(environment, stream),
  };
}
