import { expect, it } from 'vitest';
import { whileHeld } from '../../src/base/windows-file-retry.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

/** Fails with `code` a number of times, then returns the number of calls. */
function failing(code: string, times: number): () => Promise<number> {
  let calls = 0;
  return () => {
    calls += 1;
    return calls > times
      ? Promise.resolve(calls)
      : Promise.reject(Object.assign(new Error(`${code} ${calls}`), { code }));
  };
}

it.each(['EPERM', 'EACCES', 'EBUSY'])('whileHeld retries on Windows after %s', async (code) => {
  expect(await whileHeld(failing(code, 2), 'win32')).toBe(3);
});

it.each(['linux', 'darwin'] as const)(
  'whileHeld does not retry on %s, where an open file can be renamed',
  async (platform) => {
    expect((await failureOf(whileHeld(failing('EPERM', 1), platform))).message).toBe('EPERM 1');
  },
);

it('whileHeld does not retry after other errors', async () => {
  expect((await failureOf(whileHeld(failing('ENOSPC', 1), 'win32'))).message).toBe('ENOSPC 1');
});

it('whileHeld finally throws the last error', async () => {
  expect((await failureOf(whileHeld(failing('EBUSY', 1000), 'win32'))).message).toBe('EBUSY 10');
});
