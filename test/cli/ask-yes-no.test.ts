import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askYesNo } from '../../src/cli/ask-yes-no.ts';
import { takeText } from '../support/captured-output.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

function terminal() {
  return { input: new PassThrough(), output: new PassThrough(), stop: new AbortController() };
}

describe('askYesNo', () => {
  it.each([
    ['y\n', true],
    [' YES \r\n', true],
    ['\n', false],
    ['n\n', false],
    ['yesterday\n', false],
  ])('takes %j as %s', async (answer, expected) => {
    const { input, output, stop } = terminal();
    input.write(answer);
    expect(await askYesNo('Delete?\u001b[31m', stop.signal, input, output)).toBe(expected);
    expect(takeText(output)).toBe('Delete?\\u{1b}[31m [y/N] ');
  });

  it('takes the end of the input as no', async () => {
    const { input, output, stop } = terminal();
    input.end();
    expect(await askYesNo('Delete?', stop.signal, input, output)).toBe(false);
  });

  it('stops with the reason of its signal', async () => {
    const { input, output, stop } = terminal();
    const reason = new Error('stopped');
    const asked = failureOf(askYesNo('Delete?', stop.signal, input, output));
    stop.abort(reason);
    expect(await asked).toBe(reason);
    expect(await failureOf(askYesNo('Delete?', stop.signal, input, output))).toBe(reason);
  });
});
