// Reads one line from a terminal without showing it.
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';

const ENTER = new Set(['\r', '\n']);
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const ESCAPE = '\u001b';
const BACKSPACE = new Set(['\b', '\u007f']);

export interface HiddenPromptOptions {
  /** Called with the line so far, after each change. @default nothing is shown */
  readonly onChange?: (line: string) => void;
  /** Whether a line without text is an answer, too. @default false: it is ignored */
  readonly mayBeEmpty?: boolean;
  /**
   * Whether what follows the line stays in the input, for the next question. @default false: the rest of what was pasted may be secret,
   * and must not become the answer to a question whose answer is shown
   */
  readonly keepsRest?: boolean;
}

/**
 * @returns the line that was typed or pasted, or undefined if the input ends first.
 * @throws the reason of `signal` on abort.
 */
export function askHidden(
  terminal: ReadStream,
  signal: AbortSignal,
  { onChange = () => undefined, mayBeEmpty = false, keepsRest = false }: HiddenPromptOptions = {},
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // The bytes of a character may arrive in two pieces.
    const decoder = new StringDecoder('utf8');
    let line = '';
    const finish = (settle: () => void) => {
      terminal.off('data', onData).off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      terminal.setRawMode(false);
      // Reading would keep the program alive.
      terminal.pause();
      settle();
    };
    const onEnd = () => finish(() => resolve(undefined));
    const onAbort = () => finish(() => reject(signal.reason));
    const onData = (data: Buffer) => {
      const characters = [...decoder.write(data)];
      for (const [index, character] of characters.entries()) {
        if (ENTER.has(character)) {
          if (line === '' && !mayBeEmpty) continue;
          onChange(withoutSequences(line));
          finish(() => resolve(withoutSequences(line)));
          const rest = characters
            .slice(index + 1)
            .join('')
            .replace(character === '\r' ? /^\n/ : '', '');
          if (keepsRest && rest !== '') terminal.unshift(Buffer.from(rest));
          return;
        } else if (character === CTRL_C) {
          // In raw mode the terminal sends no signal. A listener of SIGINT aborts `signal`.
          process.emit('SIGINT');
        } else if (character === CTRL_D) {
          return onEnd();
        } else if (character === CTRL_U) {
          line = '';
        } else if (BACKSPACE.has(character)) {
          line = line.replace(/.$/su, '');
        } else if (character >= ' ' || character === ESCAPE) {
          line += character;
        }
      }
      onChange(withoutSequences(line));
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    terminal.setRawMode(true);
    terminal.on('data', onData).once('end', onEnd);
    terminal.resume();
  });
}

/** Removes escape sequences: arrow keys send them, and some terminals put them around pasted text. */
function withoutSequences(line: string): string {
  return line
    .split(ESCAPE)
    .map((piece, index) => (index === 0 ? piece : piece.replace(/^\[[0-9;]*[A-Za-z~]/, '')))
    .join('');
}
