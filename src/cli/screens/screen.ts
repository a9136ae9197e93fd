// Screen: what a stream shows its reader, and the only place that decides it.
import { hasUnicode, isTerminal, wantsColours } from '../environment.ts';
import { ASCII, type Symbols, UNICODE } from './symbols.ts';

export interface Screen {
  /** In characters. */
  readonly width: number;
  readonly colours: boolean;
  /** What to draw with. What an image says of itself may hold more. */
  readonly symbols: Symbols;
  /** Whether a line that is there can be drawn anew. */
  readonly redraws: boolean;
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
    symbols: hasUnicode(environment, stream) ? UNICODE : ASCII,
    redraws: isTerminal(environment, stream),
  };
}
