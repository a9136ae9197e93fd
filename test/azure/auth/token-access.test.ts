import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TokenAccess } from '../../../src/azure/auth/token-access.ts';
import { CredentialError } from '../../../src/errors.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const MINUTE_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Issues numbered tokens, for an hour each; fails while `failure` is set. */
function source() {
  const state = { issued: 0, failure: undefined as Error | undefined };
  const getToken = () => {
    if (state.failure !== undefined) return Promise.reject(state.failure);
    state.issued += 1;
    return Promise.resolve({ token: `token-${state.issued}`, expiresOnTimestamp: Date.now() + 60 * MINUTE_MS });
  };
  return { state, access: new TokenAccess({ getToken }) };
}

describe('TokenAccess', () => {
  it('returns tokens that never expire for the SDK', async () => {
    const { access } = source();
    const token = await access.getToken('scope');
    expect(token?.token).toBe('token-1');
    expect(token?.expiresOnTimestamp).toBeGreaterThan(Date.now() + 365 * 24 * 60 * MINUTE_MS);
  });

  it('changes its signer once, some minutes before the token expires', async () => {
    const { access } = source();
    const first = access.signer;
    expect(access.signer).toBe(first);
    await access.getToken('scope');
    vi.advanceTimersByTime(54 * MINUTE_MS);
    expect(access.signer).toBe(first);
    vi.advanceTimersByTime(MINUTE_MS);
    const second = access.signer;
    expect(second).not.toBe(first);
    vi.advanceTimersByTime(60 * MINUTE_MS);
    expect(access.signer).toBe(second);
    expect((await access.getToken('scope'))?.token).toBe('token-2');
    expect(access.signer).toBe(second);
  });

  it('keeps using a valid token if the renewal fails, and retries', async () => {
    const { access, state } = source();
    await access.getToken('scope');
    vi.advanceTimersByTime(56 * MINUTE_MS);
    const { signer } = access;
    state.failure = new Error('no network');
    expect((await access.getToken('scope'))?.token).toBe('token-1');
    vi.advanceTimersByTime(MINUTE_MS);
    expect(access.signer).not.toBe(signer);
    state.failure = undefined;
    expect((await access.getToken('scope'))?.token).toBe('token-2');
  });

  it('fails with the reason once the old token has expired', async () => {
    const { access, state } = source();
    await access.getToken('scope');
    vi.advanceTimersByTime(61 * MINUTE_MS);
    state.failure = new Error('no network');
    expect(await failureOf(access.getToken('scope'))).toBe(state.failure);
  });

  it('treats a failed sign-in as transient if it worked before', async () => {
    const { access, state } = source();
    state.failure = Object.assign(new Error('The credential is not available.'), {
      name: 'CredentialUnavailableError',
    });
    expect(await failureOf(access.getToken('scope'))).toBeInstanceOf(CredentialError);
    const { failure } = state;
    state.failure = undefined;
    await access.getToken('scope');
    state.failure = failure;
    vi.advanceTimersByTime(61 * MINUTE_MS);
    expect(await failureOf(access.getToken('scope'))).toMatchObject({ failure: { transient: true } });
  });
});
