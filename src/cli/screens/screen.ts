// The only place that decides what a stream can display.
import { hasUnicode, isTerminal, wantsColours } from '../environment.ts';
import { ASCII, type Symbols, UNICODE } from './symbols.ts';

export interface Screen {
  /** In characters. */
  readonly width: number;
  readonly colours: boolean;
  /** Characters for drawings. Texts from an image may contain others. */
  readonly symbols: Symbols;
  /** Whether a printed line can be redrawn. */
  readonly redraws: boolean;
}

/** Width of a file or a pipe. */
const DEFAULT_WIDTH = 80;
const MIN_WIDTH = 40;
/** Longer lines are hard to read. */
const MAX_WIDTH = 140;

export function screenOf(environment: NodeJS.ProcessEnv, stream: NodeJS.WriteStream): Screen {
  return {
    // A terminal that does not know its width reports 0.
    width: Math.max(MIN_WIDTH, Math.min(stream.columns || DEFAULT_WIDTH, MAX_WIDTH)),
    colours: wantsColours(environment, stream),
    symbols: hasUnicode(environment, stream) ? UNICODE : ASCII,
    redraws: isTerminal(environment, stream),
  };
}
