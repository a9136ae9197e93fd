// The two screens that most tests use.
import type { Screen } from '../../src/cli/screens/screen.ts';
import { ASCII, UNICODE } from '../../src/cli/screens/symbols.ts';

export const PIPE: Screen = { width: 80, colours: false, symbols: ASCII, redraws: false };
export const TERMINAL: Screen = { width: 80, colours: true, symbols: UNICODE, redraws: true };
