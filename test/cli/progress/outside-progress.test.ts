import { describe, expect, it } from 'vitest';
import { outsideSupport } from '../../../src/cli/environment.ts';
import { OutsideProgress } from '../../../src/cli/progress/outside-progress.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const TERMINAL = { isTTY: true } as NodeJS.WriteStream;

function sequencesOf(work: (progress: OutsideProgress) => void, title: 'sequences' | 'console' | undefined): string {
  let written = '';
  const stream = {
    write: (bytes: Buffer) => (written += bytes.toString('latin1')),
  } as unknown as FakeTerminal['asStream'];
  work(new OutsideProgress(stream, { taskbar: true, title }));
  return written;
}

describe('progress outside of the text', () => {
  it('is set when the percentage changes, and removed at the end', () => {
    const written = sequencesOf((progress) => {
      for (const fraction of [undefined, undefined, 0.1, 0.104, 0.5, 1]) progress.show(fraction);
      progress.end();
    }, undefined);
    expect(written).toBe(
      '\u001b]9;4;3;0\u0007\u001b]9;4;1;10\u0007\u001b]9;4;1;50\u0007\u001b]9;4;1;100\u0007\u001b]9;4;0;0\u0007',
    );
  });

  it('saves the title before it changes it, and restores it', () => {
    const written = sequencesOf((progress) => {
      progress.show(0.42);
      progress.end();
    }, 'sequences');
    expect(written).toBe('\u001b[22;0t\u001b]9;4;1;42\u0007\u001b]2;42% vhdup\u0007\u001b]9;4;0;0\u0007\u001b[23;0t');
  });

  it('uses the console of Windows for the title', () => {
    const titles: string[] = [];
    const console = {
      get title() {
        return titles.at(-1) ?? 'Windows PowerShell';
      },
      set title(title: string) {
        titles.push(title);
      },
    };
    const progress = new OutsideProgress(new FakeTerminal(80).asStream, { taskbar: false, title: 'console' }, console);
    progress.show(0.1);
    progress.show(0.2);
    progress.end();
    expect(titles).toEqual(['10% vhdup', '20% vhdup', 'Windows PowerShell']);
  });

  it('leaves no trace if nothing was shown, and shows nothing after its end', () => {
    expect(sequencesOf((progress) => progress.end(), 'sequences')).toBe('');
    const written = sequencesOf((progress) => {
      progress.show(0.5);
      progress.end();
      progress.show(0.6);
      progress.end();
    }, undefined);
    expect(written).toBe('\u001b]9;4;1;50\u0007\u001b]9;4;0;0\u0007');
  });
});

describe('the terminals that take it', () => {
  it.each([
    ['Windows Terminal', { WT_SESSION: '0a' }],
    ['ConEmu', { ConEmuANSI: 'ON' }],
    ['Ghostty', { TERM_PROGRAM: 'ghostty' }],
    ['WezTerm', { TERM_PROGRAM: 'WezTerm' }],
    ['iTerm2 3.6.6', { TERM_PROGRAM: 'iTerm.app', TERM_PROGRAM_VERSION: '3.6.6' }],
    ['iTerm2 3.10', { TERM_PROGRAM: 'iTerm.app', TERM_PROGRAM_VERSION: '3.10.0beta1' }],
    ['VTE 0.79', { VTE_VERSION: '7900' }],
  ])('%s shows the taskbar', (_, environment) => {
    expect(outsideSupport(environment, TERMINAL, 'linux').taskbar).toBe(true);
  });

  it.each([
    ['an unknown terminal', {}],
    // It would show a notification.
    ['iTerm2 3.5', { TERM_PROGRAM: 'iTerm.app', TERM_PROGRAM_VERSION: '3.5.14' }],
    ['VTE 0.78', { VTE_VERSION: '7803' }],
    ['Windows Terminal with TERM=dumb', { WT_SESSION: '0a', TERM: 'dumb' }],
    ['tmux in Windows Terminal', { WT_SESSION: '0a', TMUX: '/tmp/tmux-0/default,1,0' }],
    ['screen in Ghostty', { TERM_PROGRAM: 'ghostty', TERM: 'screen.xterm-256color' }],
  ])('%s does not', (_, environment) => {
    expect(outsideSupport(environment, TERMINAL, 'linux').taskbar).toBe(false);
  });

  it('are terminals', () => {
    const file = { isTTY: false } as NodeJS.WriteStream;
    expect(outsideSupport({ WT_SESSION: '0a' }, file, 'win32')).toEqual({ taskbar: false, title: undefined });
  });

  it.each([
    ['the console of Windows', { WT_SESSION: '0a' }, 'win32', 'console'],
    ['xterm', { XTERM_VERSION: 'XTerm(379)' }, 'linux', 'sequences'],
    ['VTE', { VTE_VERSION: '6003' }, 'linux', 'sequences'],
    ['kitty', { KITTY_WINDOW_ID: '1' }, 'darwin', 'sequences'],
    ['iTerm2', { TERM_PROGRAM: 'iTerm.app', TERM_PROGRAM_VERSION: '3.4.0' }, 'darwin', 'sequences'],
    // Nobody could restore the title: Windows Terminal keeps no stack of titles.
    ['Windows Terminal from Linux', { WT_SESSION: '0a' }, 'linux', undefined],
    ['an unknown terminal', { TERM: 'xterm' }, 'linux', undefined],
  ] as const)('%s: title', (_, environment, platform, title) => {
    expect(outsideSupport(environment, TERMINAL, platform).title).toBe(title);
  });
});
