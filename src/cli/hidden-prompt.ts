// Reads one line from a terminal without showing it.
import type { ReadStream } from 'node:tty';

const ENTER = new Set(['\r', '\n']);
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const BACKSPACE = new Set(['\b', '\u007f']);

/**
 * @returns what was typed or pasted, or undefined when the input ends before that.
 * @throws the reason of `signal` on abort.
 */
export function askHidden(terminal: ReadStream, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
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
      for (const character of data.toString('utf8')) {
        if (ENTER.has(character)) {
          if (line !== '') return finish(() => resolve(line));
        } else if (character === CTRL_C) {
          // In raw mode the terminal sends no signal. Whoever listens for it aborts.
          process.emit('SIGINT');
        } else if (character === CTRL_D) {
          return onEnd();
        } else if (character === CTRL_U) {
          line = '';
        } else if (BACKSPACE.has(character)) {
          line = line.slice(0, -1);
        } else if (character >= ' ') {
          line += character;
        }
      }
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    terminal.setRawMode(true);
    terminal.on('data', onData).once('end', onEnd);
    terminal.resume();
  });
}
