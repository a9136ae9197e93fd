// A terminal that keeps the content of its screen. It supports what progress bars use: ECMA-48 cursor movement and erasing, DECSC and DECRC.
import { Writable } from 'node:stream';

const ESCAPE = '\u001b';
/** The characters after ESC. */
const SEQUENCE = /(?:\[(\??[0-9;]*)([A-Za-z])|([78]))/y;

export class FakeTerminal extends Writable {
  readonly isTTY = true;
  columns: number;
  /** Whether the cursor is visible. */
  isCursorShown = true;
  /** All output. */
  written = '';
  readonly #lines: string[] = [''];
  #row = 0;
  #column = 0;
  #saved = { row: 0, column: 0 };

  constructor(columns: number) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  /** A stream with the properties of process.stderr that the tests need. */
  get asStream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }

  /** The lines of the screen without trailing blanks. */
  get screen(): string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  get row(): number {
    return this.#row;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    const text = chunk.toString();
    this.written += text;
    for (let at = 0; at < text.length; at++) {
      if (text[at] === ESCAPE) at += this.#control(text, at) - 1;
      else this.#put(text[at] ?? '');
    }
    done();
  }

  #put(character: string): void {
    if (character === '\n') this.#moveTo(this.#row + 1, 0);
    else if (character === '\r') this.#column = 0;
    else {
      const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
      this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
      this.#column += 1;
    }
  }

  /** @returns the length of the sequence. */
  #control(text: string, at: number): number {
    SEQUENCE.lastIndex = at + ESCAPE.length;
    const [sequence = '', parameters = '', command, single] = SEQUENCE.exec(text) ?? [];
    if (single === '7') this.#saved = { row: this.#row, column: this.#column };
    else if (single === '8') this.#moveTo(this.#saved.row, this.#saved.column);
    else if (command === 'G') this.#column = Number(parameters || 1) - 1;
    else if (command === 'K') this.#erase(Number(parameters || 0));
    else if (command === 'J') this.#lines.splice(this.#row + 1);
    else if (parameters === '?25') this.isCursorShown = command === 'h';
    return ESCAPE.length + sequence.length;
  }

  #erase(what: number): void {
    const line = this.#lines[this.#row] ?? '';
    this.#lines[this.#row] = what === 0 ? line.slice(0, this.#column) : '';
  }

  #moveTo(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    while (this.#lines.length <= row) this.#lines.push('');
  }
}
