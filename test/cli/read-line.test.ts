import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLine } from '../../src/cli/read-line.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const { signal } = new AbortController();

describe('readLine', () => {
  it('returns one line after the other, however they arrive', async () => {
    const input = new PassThrough();
    input.write('one\r\ntw');
    expect(await readLine(input, signal)).toBe('one');
    const second = readLine(input, signal);
    input.write('o\n\nthree');
    expect(await second).toBe('two');
    expect(await readLine(input, signal)).toBe('');
    input.end();
    expect(await readLine(input, signal)).toBe('three');
  });

  it('joins the bytes of a character', async () => {
    const input = new PassThrough();
    const bytes = Buffer.from('虚拟.vhd\n');
    const line = readLine(input, signal);
    for (const byte of bytes) input.write(Buffer.of(byte));
    expect(await line).toBe('虚拟.vhd');
  });

  it('returns undefined at the end of the input, and listens no longer', async () => {
    const input = new PassThrough();
    input.end();
    expect(await readLine(input, signal)).toBeUndefined();
    expect(input.listenerCount('data')).toBe(0);
  });

  it('stops with the reason of its signal, and lets the program end', async () => {
    const input = new PassThrough();
    const stop = new AbortController();
    const reason = new Error('stopped');
    const line = failureOf(readLine(input, stop.signal));
    stop.abort(reason);
    expect(await line).toBe(reason);
    expect(input.isPaused()).toBe(true);
    expect(await failureOf(readLine(input, stop.signal))).toBe(reason);
  });
});
