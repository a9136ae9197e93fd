// The output of each command on simple terminals. test/cli/progress/reporter has the plain lines of longer work.
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { holdFrom } from '../support/contested-blob.ts';
import { hasScript, NO_SCRIPT, runOnTerminal, startOnTerminal } from '../support/pseudo-terminal.ts';
import { blobUrl, hasCommitted, server, useServer } from '../support/target-server.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { workspace } from '../support/vhdx-workspace.ts';

const BIN = join(import.meta.dirname, '../../bin/vhdup.js');
const MIB = 1024 * 1024;

const BEYOND_ASCII = /[^\0-\x7f]/;
/** Includes control characters. */
const BEYOND_LINES = /[^\r\n -~]/;

const at = workspace();
const image = at('disk.vhd');
const CONVERT = ['convert', image, at('fixed.vhd'), '--overwrite'];

beforeAll(() =>
  buildVhd(image, { type: 'dynamic', size: 64 * MIB, contents: [{ offset: 0, bytes: patternOf(1, 20 * MIB) }] }),
);

beforeEach((context) => context.skip(!hasScript, NO_SCRIPT));

function draw(args: readonly string[], environment: NodeJS.ProcessEnv): string {
  const all = { TERM: 'xterm-256color', ...environment };
  const { output, exitCode } = runOnTerminal(process.execPath, [BIN, ...args], all);
  // 21: a disk with a pattern cannot boot.
  expect(exitCode).toBe(args[0] === 'check' ? 21 : 0);
  expect(output).not.toBe('');
  return output;
}

describe.each([
  ['help', ['upload', '--help']],
  ['a plan', ['upload', image, '--dry-run']],
  ['convert', CONVERT],
  ['inspect', ['inspect', image, '--scan']],
  ['inspect bat', ['inspect', 'bat', image]],
  ['check', ['check', image, '--verbose']],
])('%s', (_, args) => {
  it('draws only ASCII if the locale is not UTF-8', () => {
    expect(draw(args, { LANG: 'en_GB.UTF-8', LC_ALL: 'C' })).not.toMatch(BEYOND_ASCII);
  });

  it('draws only lines of ASCII on a dumb terminal', () => {
    expect(draw(args, { LANG: 'en_GB.UTF-8', TERM: 'dumb' })).not.toMatch(BEYOND_LINES);
  });
});

it.each([
  ['is UTF-8', { LANG: 'en_GB.UTF-8' }],
  ['is not named', {}],
])('a bar and a map are drawn with block characters if the locale %s', (_, environment) => {
  expect(draw(CONVERT, environment)).toContain('100% ████');
  expect(draw(['inspect', image], environment)).toContain('│█');
});

describe('progress outside of the text', () => {
  const CLEARED = '\u001b]9;4;0;0\u0007';

  it('is shown in the taskbar by Windows Terminal, and removed at the end', () => {
    const output = draw(CONVERT, { WT_SESSION: '0a' });
    expect(output).toMatch(/\]9;4;1;\d+/);
    expect(output.indexOf(CLEARED)).toBe(output.lastIndexOf('\u001b]9;4;'));
    expect(output).not.toContain('\u001b]2;');
  });

  it('is shown in the title by xterm, which gets its own title back', () => {
    const output = draw(CONVERT, { XTERM_VERSION: 'XTerm(379)' });
    expect(output.indexOf('\u001b[22;0t')).toBeGreaterThanOrEqual(0);
    expect(output.indexOf('\u001b[22;0t')).toBeLessThan(output.indexOf('\u001b]2;'));
    expect(output).toContain('\u001b]2;100% vhdup\u0007');
    expect(output.lastIndexOf('\u001b[23;0t')).toBeGreaterThan(output.lastIndexOf('\u001b]2;'));
    expect(output).not.toContain(']9;4;');
  });

  it.each([
    ['on other terminals', [], {}],
    ['on a dumb terminal', [], { WT_SESSION: '0a', XTERM_VERSION: '1', TERM: 'dumb' }],
    ['in tmux', [], { WT_SESSION: '0a', XTERM_VERSION: '1', TMUX: '/tmp/tmux' }],
    ['without progress', ['--no-progress'], { WT_SESSION: '0a', XTERM_VERSION: '1' }],
    ['with --quiet', ['--quiet'], { WT_SESSION: '0a', XTERM_VERSION: '1' }],
  ])('is not shown %s', (_, more, environment) => {
    const all = { TERM: 'xterm-256color', ...environment };
    const { output } = runOnTerminal(process.execPath, [BIN, ...CONVERT, ...more], all);
    expect(output).not.toMatch(/\]9;4;|\]2;|\[22;0t/);
  });

  describe('during an upload', () => {
    useServer();

    it('is removed after Ctrl-C', async () => {
      holdFrom(4 * MIB);
      const args = ['upload', image, blobUrl(), '--checkpoint', at('stopped.json')];
      const environment = { TERM: 'xterm-256color', WT_SESSION: '0a', XTERM_VERSION: 'XTerm(379)' };
      const { type, until, ended } = startOnTerminal(process.execPath, [BIN, ...args], environment);
      await server.when(() => hasCommitted(MIB));
      await until('\u001b]9;4;');
      type('\u0003');
      const { output, exitCode } = await ended;
      expect(exitCode).toBe(130);
      expect(output).toMatch(/\]9;4;[13];\d+/);
      expect(output.indexOf(CLEARED)).toBe(output.lastIndexOf('\u001b]9;4;'));
      expect(output).toContain('\u001b[23;0t');
    });
  });
});
