import { beforeEach, describe, expect, it, vi } from 'vitest';
import { adoptIssuers, trustingMoreIssuers } from '../../../src/azure/network/trusted-issuers.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const REQUEST = { method: 'PUT', url: 'https://account.blob.core.windows.net/c/b', headers: new Map<string, string>() };
const ANSWER = { status: 201, headers: new Map<string, string>() };

function failing(code: string): Error {
  return Object.assign(new Error('a certificate is not trusted'), { code });
}

describe('a request whose server is not trusted', () => {
  const trustMore = vi.fn(() => true);
  const next = vi.fn(() => Promise.resolve(ANSWER));
  const send = () => trustingMoreIssuers.sendRequest(REQUEST, next);

  beforeEach(() => {
    vi.resetAllMocks();
    trustMore.mockReturnValue(true);
    next.mockResolvedValue(ANSWER);
    adoptIssuers(trustMore);
  });

  it.each(['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'])(
    'is sent again when more issuers are trusted: %s',
    async (code) => {
      next.mockRejectedValueOnce(failing(code));
      expect(await send()).toBe(ANSWER);
      expect(trustMore).toHaveBeenCalledOnce();
    },
  );

  it('is sent again with the others that failed at the same time, and the store is read once', async () => {
    for (let count = 0; count < 3; count++) next.mockRejectedValueOnce(failing('SELF_SIGNED_CERT_IN_CHAIN'));
    expect(await Promise.all([send(), send(), send()])).toEqual([ANSWER, ANSWER, ANSWER]);
    expect(trustMore).toHaveBeenCalledOnce();
  });

  it('fails as before if there are no more issuers, or they do not help', async () => {
    const failure = failing('SELF_SIGNED_CERT_IN_CHAIN');
    next.mockRejectedValue(failure);
    expect(await failureOf(send())).toBe(failure);
    expect(next).toHaveBeenCalledTimes(2);
    adoptIssuers(() => false);
    expect(await failureOf(send())).toBe(failure);
    expect(next).toHaveBeenCalledTimes(3);
  });

  it.each(['CERT_NOT_YET_VALID', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ECONNRESET'])(
    'fails at once if another issuer would not help: %s',
    async (code) => {
      next.mockRejectedValue(failing(code));
      expect(await failureOf(send())).toMatchObject({ code });
      expect(next).toHaveBeenCalledOnce();
      expect(trustMore).not.toHaveBeenCalled();
    },
  );
});
