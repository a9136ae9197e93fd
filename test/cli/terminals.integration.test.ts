// The output of each command on simple terminals. test/cli/progress/reporter has the plain lines of longer work.
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasScript, NO_SCRIPT, runOnTerminal } from '../support/pseudo-terminal.ts';
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
