// Progress outside of the text of a terminal: in the taskbar or the tab, and in the title of the window.
import type { OutsideSupport } from '../environment.ts';

/** Sets the title of a console of Windows, and returns the one before. */
export interface ConsoleTitle {
  title: string;
}

const BELL = '\u0007';
/** Source: ConEmu, "ANSI X3.64 and Xterm 256 colors", OSC 9;4; learn.microsoft.com/windows/terminal/tutorials/progress-bar-sequences. */
const TASKBAR = '\u001b]9;4;';
const NO_PROGRESS = `${TASKBAR}0;0${BELL}`;
/** Source: invisible-island.net/xterm/ctlseqs, XTWINOPS. The terminal keeps the title itself: nobody can read it. */
const SAVE_TITLE = '\u001b[22;0t';
const RESTORE_TITLE = '\u001b[23;0t';

/** Shows nothing before the first progress, and removes everything at its end. */
export class OutsideProgress {
  readonly #stream: NodeJS.WritableStream;
  readonly #support: OutsideSupport;
  readonly #console: ConsoleTitle;
  #shown: string | undefined;
  #hasEnded = false;
  #titleBefore = '';

  constructor(stream: NodeJS.WritableStream, support: OutsideSupport, console: ConsoleTitle = process) {
    this.#stream = stream;
    this.#support = support;
    this.#console = console;
  }

  /** @param fraction - 0 to 1; undefined while the total is unknown. */
  show(fraction: number | undefined): void {
    const percent = fraction === undefined ? undefined : Math.floor(fraction * 100);
    const state = percent === undefined ? '3;0' : `1;${percent}`;
    if (this.#hasEnded || state === this.#shown) return;
    if (this.#shown === undefined) this.#saveTitle();
    this.#shown = state;
    if (this.#support.taskbar) this.#write(`${TASKBAR}${state}${BELL}`);
    this.#setTitle(percent === undefined ? 'vhdup' : `${percent}% vhdup`);
  }

  /** Restores everything. Nothing is shown afterwards. */
  end(): void {
    const wasShown = this.#shown !== undefined && !this.#hasEnded;
    this.#hasEnded = true;
    if (!wasShown) return;
    if (this.#support.taskbar) this.#write(NO_PROGRESS);
    if (this.#support.title === 'sequences') this.#write(RESTORE_TITLE);
    else if (this.#support.title === 'console') this.#console.title = this.#titleBefore;
  }

  #saveTitle(): void {
    if (this.#support.title === 'sequences') this.#write(SAVE_TITLE);
    else if (this.#support.title === 'console') this.#titleBefore = this.#console.title;
  }

  #setTitle(title: string): void {
    if (this.#support.title === 'sequences') this.#write(`\u001b]2;${title}${BELL}`);
    else if (this.#support.title === 'console') this.#console.title = title;
  }

  /** As bytes: texts lose their control sequences on the way to the terminal, and these hold nothing foreign. */
  #write(sequence: string): void {
    this.#stream.write(Buffer.from(sequence, 'latin1'));
  }
}
