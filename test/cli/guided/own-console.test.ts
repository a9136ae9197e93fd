import { describe, expect, it } from 'vitest';
import { type ConsoleSystem, ownsConsole, waitForEnter } from '../../../src/cli/guided/own-console.ts';
import { ScriptedTerminal } from '../../support/scripted-terminal.ts';

const EXPLORER: ConsoleSystem = {
  platform: 'win32',
  environment: {},
  isTerminal: true,
  isExecutable: true,
  countProcesses: () => Promise.resolve(1),
};
const uncounted = () => Promise.resolve(undefined);

describe('ownsConsole', () => {
  it.each<[string, Partial<ConsoleSystem>, boolean]>([
    ['started by Explorer', {}, true],
    ['beside a shell', { countProcesses: () => Promise.resolve(2) }, false],
    ['on another system', { platform: 'linux' }, false],
    ['without a terminal', { isTerminal: false }, false],
    ['not counted, an executable', { countProcesses: uncounted }, true],
    ['not counted, on Node', { countProcesses: uncounted, isExecutable: false }, false],
    ['not counted, in cmd.exe', { countProcesses: uncounted, environment: { PROMPT: '$P$G' } }, false],
    ['not counted, in a shell of Unix', { countProcesses: uncounted, environment: { TERM: 'xterm' } }, false],
  ])('of a process %s', async (_, change, expected) => {
    expect(await ownsConsole({ ...EXPLORER, ...change })).toBe(expected);
  });
});

describe('waitForEnter', () => {
  it('waits for a line', async () => {
    const { input, output } = new ScriptedTerminal();
    const waiting = waitForEnter(input, output);
    input.push('\n');
    await waiting;
    expect(input.isPaused()).toBe(true);
  });

  it('ends with Ctrl-C and with the input', async () => {
    const { input, output } = new ScriptedTerminal();
    const listeners = process.listenerCount('SIGINT');
    const waiting = waitForEnter(input, output);
    process.emit('SIGINT');
    await waiting;
    expect(process.listenerCount('SIGINT')).toBe(listeners);
    const ended = waitForEnter(input, output);
    input.push(null);
    await ended;
  });
});
