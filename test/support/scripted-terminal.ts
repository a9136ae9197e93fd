// A terminal with a user who answers the questions of a script, one after the other.
import { PassThrough, Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';

/** A question, or the end of one, and what the user types. */
export type Answer = readonly [question: string, answer: string];

class Keyboard extends PassThrough {
  readonly isTTY = true;
  isRaw = false;

  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw;
    return this;
  }
}

export class ScriptedTerminal {
  /** Everything that was shown. The terminal itself shows nothing of what is typed. */
  shown = '';
  /** What the program asked and the script has not foreseen. */
  readonly surprises: string[] = [];
  readonly output: NodeJS.WriteStream;
  readonly #keyboard = new Keyboard();
  readonly #answers: Answer[];

  /** The input ends when the program asks for more, or for something else. */
  constructor(...answers: readonly Answer[]) {
    this.#answers = [...answers];
    const output = new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        this.shown += chunk.toString();
        // A question ends without a line feed.
        if (typeof chunk === 'string' && chunk.endsWith(': ')) setImmediate(() => this.#answer(chunk));
        done();
      },
    });
    this.output = Object.assign(output, { isTTY: true, columns: 80 }) as unknown as NodeJS.WriteStream;
  }

  get input(): ReadStream {
    return this.#keyboard as unknown as ReadStream;
  }

  /** The answers that nobody asked for. */
  get left(): readonly Answer[] {
    return this.#answers;
  }

  #answer(asked: string): void {
    const [question = '', answer = ''] = this.#answers.shift() ?? [];
    if (question !== '' && asked.includes(question)) {
      this.#keyboard.write(`${answer}${this.#keyboard.isRaw ? '\r' : '\n'}`);
    } else {
      this.surprises.push(`${asked} (expected: ${question || 'nothing'})`);
      this.#keyboard.end();
    }
  }
}
