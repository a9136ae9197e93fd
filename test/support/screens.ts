// The two screens that most tests show things on.
import type { Screen } from '../../src/cli/screen.ts';
import { ASCII, UNICODE } from '../../src/cli/symbols.ts';

export const PIPE: Screen = { width: 80, colours: false, symbols: ASCII, redraws: false };
export const TERMINAL: Screen = { width: 80, colours: true, symbols: UNICODE, redraws: true };
