import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { collectingGarbage, fillFrom } from '../../../src/azure/network/response-body.ts';
import { ServiceError } from '../../../src/errors.ts';
import { patternOf } from '../../support/vhd-builder.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const WHAT = 'Get Blob 0+1000';
const never = new AbortController().signal;

const bodyOf = (...pieces: readonly (Uint8Array | Error)[]) =>
  Readable.from(
    (function* () {
      for (const piece of pieces) {
        if (piece instanceof Error) throw piece;
        yield piece;
      }
    })(),
    { objectMode: false },
  );

describe('fillFrom', () => {
  it('fills memory with a body in any pieces', async () => {
    const bytes = patternOf(1, 1000);
    const into = new Uint8Array(1000);
    await fillFrom(WHAT, bodyOf(bytes.subarray(0, 1), bytes.subarray(1, 999), bytes.subarray(999)), into, never);
    expect(Buffer.compare(into, bytes)).toBe(0);
  });

  it.each([
    [999, 'only 999'],
    [1001, 'more'],
  ])('refuses a body of %i bytes when 1000 were requested', async (length, received) => {
    const error = await failureOf(fillFrom(WHAT, bodyOf(patternOf(1, length)), new Uint8Array(1000), never));
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ failure: { reason: 'UnusableAnswer', transient: true, limit: { tries: 10 } } });
    expect(error.message).toBe(`Get Blob 0+1000 failed: 1000 bytes were requested, but ${received} arrived.`);
  });

  it('stops an endless body', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield patternOf(1, 600);
      })(),
      { objectMode: false },
    );
    const error = await failureOf(fillFrom(WHAT, endless, new Uint8Array(1000), never));
    expect(error.message).toContain('but more arrived');
    expect(endless.destroyed).toBe(true);
  });

  it('never writes beyond the memory', async () => {
    const memory = new Uint8Array(2000);
    const into = memory.subarray(500, 1500);
    await failureOf(fillFrom(WHAT, bodyOf(patternOf(1, 600), patternOf(2, 600)), into, never));
    expect(memory.subarray(1500).every((byte) => byte === 0)).toBe(true);
  });

  it('reports how much arrived when the connection is lost', async () => {
    const lost = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    const error = await failureOf(fillFrom(WHAT, bodyOf(patternOf(1, 400), lost), new Uint8Array(1000), never));
    expect(error).toMatchObject({ failure: { reason: 'ECONNRESET', transient: true } });
    expect(error.message).toContain('cut off after 400 bytes');
  });

  it('throws the reason of the signal on abort, unchanged', async () => {
    const reason = new Error('stopped');
    const body = bodyOf(patternOf(1, 400), new Error('aborted'));
    expect(await failureOf(fillFrom(WHAT, body, new Uint8Array(1000), AbortSignal.abort(reason)))).toBe(reason);
  });

  it('reports the length of each piece', async () => {
    const onReceived = vi.fn();
    const body = bodyOf(patternOf(1, 600), patternOf(2, 400));
    await fillFrom(WHAT, body, new Uint8Array(1000), never, { onReceived });
    expect(onReceived.mock.calls).toEqual([[600], [400]]);
  });

  it('waits for the throttle after each piece', async () => {
    const received: number[] = [];
    const allowed: number[] = [];
    const onReceived = (bytes: number) => {
      expect(allowed).toEqual(received);
      received.push(bytes);
    };
    const throttle = async (bytes: number) => {
      await new Promise(setImmediate);
      allowed.push(bytes);
    };
    const body = bodyOf(patternOf(1, 600), patternOf(2, 300), patternOf(3, 100));
    await fillFrom(WHAT, body, new Uint8Array(1000), never, { onReceived, throttle });
    expect(received.length).toBeGreaterThan(1);
    expect(allowed).toEqual(received);
  });

  it('throws the reason of the signal if that aborts while the throttle waits', async () => {
    const reason = new Error('stopped');
    const stop = new AbortController();
    const throttle = () => {
      stop.abort(reason);
      return Promise.reject(reason);
    };
    const filled = fillFrom(WHAT, bodyOf(patternOf(1, 400)), new Uint8Array(1000), stop.signal, { throttle });
    expect(await failureOf(filled)).toBe(reason);
  });
});

it('collectingGarbage collects garbage every 2 MiB', () => {
  const collect = vi.fn();
  const onReceived = collectingGarbage(collect);
  for (let received = 0; received < 8 * 1024 * 1024; received += 65_536) onReceived(65_536);
  expect(collect).toHaveBeenCalledTimes(4);
});
