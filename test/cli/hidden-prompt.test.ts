import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askHidden } from '../../src/cli/hidden-prompt.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const NEVER = new AbortController().signal;

/** The keyboard of a terminal. */
class Keyboard extends PassThrough {
  isRaw = false;

  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw;
    return this;
  }

  get asTerminal(): ReadStream {
    return this as unknown as ReadStream;
  }
}

describe('askHidden', () => {
  it.each([
    ['typed', ['s', 'p', '=', 'r', 'w', '\r'], 'sp=rw'],
    ['pasted with its line end', ['sp=rw\n'], 'sp=rw'],
    ['pasted in pieces', ['sp=', 'rw&sig', '=x', '\r'], 'sp=rw&sig=x'],
    ['pasted between marks', ['\u001b[200~sp=rw\u001b[201~', '\r'], 'sp=rw'],
    ['with an arrow key', ['sp\u001b[D=rw\r'], 'sp=rw'],
    ['corrected', ['spp', '\u007f', '=x\b', 'rw\r'], 'sp=rw'],
    ['begun anew', ['nonsense', '\u0015', 'sp=rw\r'], 'sp=rw'],
    ['after empty lines', ['\r', '\n', 'sp=rw\r'], 'sp=rw'],
    ['with keys that are no text', ['\u0001sp=\trw\r'], 'sp=rw'],
  ])('returns a text that is %s', async (_, keys, line) => {
    const keyboard = new Keyboard();
    const asked = askHidden(keyboard.asTerminal, NEVER);
    expect(keyboard.isRaw).toBe(true);
    for (const key of keys) keyboard.write(key);
    expect(await asked).toBe(line);
    expect(keyboard.isRaw).toBe(false);
    expect(keyboard.isPaused()).toBe(true);
    expect(keyboard.listenerCount('data')).toBe(0);
  });

  it('returns undefined at the end of the input', async () => {
    for (const end of [(keyboard: Keyboard) => keyboard.write('sp=rw\u0004'), (keyboard: Keyboard) => keyboard.end()]) {
      const keyboard = new Keyboard();
      const asked = askHidden(keyboard.asTerminal, NEVER);
      end(keyboard);
      expect(await asked).toBeUndefined();
      expect(keyboard.isRaw).toBe(false);
    }
  });

  it('ends when the signal aborts', async () => {
    const keyboard = new Keyboard();
    const stop = new AbortController();
    const asked = failureOf(askHidden(keyboard.asTerminal, stop.signal));
    const reason = new Error('stopped');
    stop.abort(reason);
    expect(await asked).toBe(reason);
    expect(keyboard.isRaw).toBe(false);
  });

  it('forwards Ctrl-C, which the terminal sends as a key', async () => {
    const keyboard = new Keyboard();
    const stop = new AbortController();
    const asked = failureOf(askHidden(keyboard.asTerminal, stop.signal));
    const interrupted = () => stop.abort(new Error('interrupted'));
    process.once('SIGINT', interrupted);
    onTestFinished(() => void process.off('SIGINT', interrupted));
    keyboard.write('\u0003');
    expect((await asked).message).toBe('interrupted');
  });
});
