// The questions on the terminal, line by line: they work in every console, over SSH and with screen readers.
import type { ReadStream } from 'node:tty';
import { isUrl } from '../../azure/given-text.ts';
import { printable } from '../../base/printable.ts';
import { messageOf } from '../../base/thrown.ts';
import { VhdupError } from '../../errors.ts';
import { safeScreen } from '../guard-output.ts';
import { askHidden } from '../hidden-prompt.ts';
import { InterruptedError } from '../interrupt.ts';
import { type Paint, painter } from '../screens/paint.ts';
import type { Screen } from '../screens/screen.ts';
import { textWidth } from '../screens/text-width.ts';
import { wrapText } from '../screens/wrap-text.ts';
import { withoutSecret, withoutSignature } from './url-echo.ts';

export interface DialogueOptions {
  readonly input: ReadStream;
  readonly output: NodeJS.WritableStream;
  readonly screen: Screen;
  /** Ends every question with its reason. */
  readonly signal: AbortSignal;
}

export interface Question<Value> {
  /** The answer of a line without text. Without it, such a line leads back: the answer is undefined. */
  readonly initial?: string;
  /** @throws {VhdupError} why the answer is not possible: it is shown, and the question is asked again. */
  readonly parse: (answer: string) => Value | Promise<Value>;
}

export interface Choice<Value> {
  readonly label: string;
  readonly value: Value;
}

/** Longer lists are not read. A part of the name finds the others. */
const MOST_SHOWN = 20;

export class Dialogue {
  readonly #options: DialogueOptions;
  readonly #paint: Paint;

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#paint = painter(options.screen.colours);
  }

  get screen(): Screen {
    return this.#options.screen;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  heading(text: string): void {
    this.show(`\n${this.#paint('bold', printable(text))}\n`);
  }

  /** A paragraph. */
  say(text: string): void {
    this.show(wrapText(text, this.#options.screen.width).join('\n'));
  }

  /** Lines that are wrapped already, or that must not be. */
  show(text: string): void {
    this.#options.output.write(`${safeScreen(text)}\n`);
  }

  /** @throws anything else than an error of vhdup. */
  explain(error: unknown): void {
    if (!(error instanceof VhdupError) || error instanceof InterruptedError) throw error;
    this.say(messageOf(error));
  }

  /** @returns undefined to go back. */
  async ask<Value>(question: string, options: Question<Value>): Promise<Value | undefined> {
    return await this.#answered(options, () => this.#line(question, withoutSignature, options.initial));
  }

  /** As `ask`, but of what follows the question mark of a URL, nothing is shown. */
  async askUrl<Value>(question: string, options: Question<Value>): Promise<Value | undefined> {
    return await this.#answered(options, () => this.#line(question, withoutSecret));
  }

  /** As `ask`, but the answer is not shown. */
  async askSecret<Value>(question: string, options: Question<Value>): Promise<Value | undefined> {
    return await this.#answered(options, () => this.#line(question, () => ''));
  }

  async confirm(question: string, initial: boolean): Promise<boolean> {
    for (;;) {
      const answer = (await this.#line(`${question} ${initial ? '[Y/n]' : '[y/N]'}`, withoutSignature)).toLowerCase();
      if (answer === '') return initial;
      if (/^y(?:es)?$/.test(answer)) return true;
      if (/^no?$/.test(answer)) return false;
      this.say('Type y or n.');
    }
  }

  /**
   * Numbered choices. A long list also answers to a part of a name.
   * @param initial - The index of the answer to a line without text. @default none: such a line leads back
   * @param ofUrl - What a URL chooses. @default nothing
   * @returns undefined to go back.
   */
  async choose<Value>(
    question: string,
    choices: readonly Choice<Value>[],
    initial?: number,
    ofUrl?: (url: string) => Value,
  ): Promise<Value | undefined> {
    let shown = choices;
    for (;;) {
      this.#list(shown);
      // Another selection has other numbers.
      const preferred = shown === choices && initial !== undefined ? String(initial + 1) : undefined;
      const answer = (await this.#line(question, withoutSignature, preferred)) || (preferred ?? '');
      if (answer === '') {
        if (shown === choices) return undefined;
        shown = choices;
        continue;
      }
      const visible = shown.slice(0, MOST_SHOWN);
      const chosen = /^\d+$/.test(answer) ? visible[Number(answer) - 1] : undefined;
      if (chosen !== undefined) return chosen.value;
      if (ofUrl !== undefined && isUrl(answer)) return ofUrl(answer);
      const matching = matchesOf(answer, choices);
      const [only] = matching;
      if (only !== undefined && matching.length === 1) return only.value;
      if (matching.length === 0) this.say(`Type a number from 1 to ${visible.length}, or a part of a name.`);
      else shown = matching;
    }
  }

  #list(choices: readonly Choice<unknown>[]): void {
    const digits = String(Math.min(choices.length, MOST_SHOWN)).length;
    for (const [index, { label }] of choices.slice(0, MOST_SHOWN).entries()) {
      this.show(`  ${String(index + 1).padStart(digits)}  ${printable(label)}`);
    }
    const more = choices.length - MOST_SHOWN;
    if (more > 0) this.show(`  ${more} more: type a part of the name.`);
  }

  async #answered<Value>({ initial, parse }: Question<Value>, read: () => Promise<string>): Promise<Value | undefined> {
    for (;;) {
      const answer = (await read()) || initial;
      if (answer === undefined) return undefined;
      try {
        return await parse(answer);
      } catch (error) {
        this.explain(error);
      }
    }
  }

  /**
   * The terminal itself shows nothing: whatever was asked for, somebody pastes a URL with a SAS.
   * @param shownOf - What is shown of the line so far.
   * @throws {InterruptedError} the input has ended.
   */
  async #line(question: string, shownOf: (line: string) => string, initial?: string): Promise<string> {
    const { input, output, signal } = this.#options;
    let shown = '';
    const onChange = (line: string) => {
      const now = printable(shownOf(line));
      if (now === shown) return;
      let kept = 0;
      while (kept < shown.length && shown[kept] === now[kept]) kept += 1;
      const erased = '\b \b'.repeat(textWidth(shown.slice(kept)));
      // As bytes: the filter of the output would escape the steps back. The text was escaped above.
      output.write(Buffer.from(erased + now.slice(kept)));
      shown = now;
    };
    try {
      const asked = askHidden(input, signal, { onChange, mayBeEmpty: true, keepsRest: true });
      // After the terminal has been told to show nothing: some users are fast.
      this.#prompt(question, initial);
      const line = await asked;
      if (line === undefined) throw new InterruptedError('stdin');
      return line.trim();
    } finally {
      output.write('\n');
    }
  }

  #prompt(question: string, initial?: string): void {
    const offered = initial === undefined ? '' : ` [${printable(initial)}]`;
    this.#options.output.write(`${safeScreen(`${question}${offered}: `)}`);
  }
}

/** The choices whose label contains the text; only those that begin with it as a whole word, if there are any. */
function matchesOf<Value>(answer: string, choices: readonly Choice<Value>[]): readonly Choice<Value>[] {
  const text = answer.toLowerCase();
  const named = choices.filter(({ label }) => `${label.toLowerCase()} `.startsWith(`${text} `));
  return named.length > 0 ? named : choices.filter(({ label }) => label.toLowerCase().includes(text));
}
