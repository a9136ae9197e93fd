import { describe, expect, it } from 'vitest';
import { TestClock } from '../test-server/clock.ts';
import { TestCredential } from './test-credential.ts';
import { TokenIssuer } from './token-issuer.ts';

const ARM = 'https://management.azure.com';

describe('a token', () => {
  it('is accepted for exactly its audience', () => {
    const issuer = new TokenIssuer(new TestClock());
    const { token } = issuer.issue(ARM);
    expect([
      issuer.problemWith(token, [`${ARM}/`, ARM]),
      issuer.problemWith(token, [`${ARM}/`]),
      issuer.problemWith(`${token}x`, [ARM]),
    ]).toEqual([undefined, 'other audience', 'unknown']);
  });

  it('expires by the clock of the servers', () => {
    const clock = new TestClock();
    const issuer = new TokenIssuer(clock);
    const { token } = issuer.issue(ARM, 60_000);
    clock.advance(58_000);
    expect(issuer.problemWith(token, [ARM])).toBeUndefined();
    clock.advance(2_000);
    expect(issuer.problemWith(token, [ARM])).toBe('expired');
  });

  it('expires on demand, while new ones do not', () => {
    const issuer = new TokenIssuer(new TestClock());
    const old = issuer.issue(ARM);
    issuer.expireAll();
    expect([old, issuer.issue(ARM)].map(({ token }) => issuer.problemWith(token, [ARM]))).toEqual([
      'expired',
      undefined,
    ]);
  });
});

describe('the credential for tests', () => {
  it('records the scope and the audience of each token, and keeps the second slash of the disk audience', async () => {
    const issuer = new TokenIssuer(new TestClock());
    const credential = new TestCredential(issuer);
    await credential.getToken(`${ARM}/.default`);
    const { token } = await credential.getToken(['https://disk.azure.com//.default']);
    expect(credential.requests).toEqual([
      { scope: `${ARM}/.default`, audience: ARM },
      { scope: 'https://disk.azure.com//.default', audience: 'https://disk.azure.com/' },
    ]);
    expect(issuer.audienceOf(token)).toBe('https://disk.azure.com/');
  });

  it('fails on demand, and for two scopes', async () => {
    const credential = new TestCredential(new TokenIssuer(new TestClock()));
    await expect(credential.getToken([ARM, 'https://disk.azure.com/'])).rejects.toThrow('one audience');
    credential.failure = new Error('no sign-in');
    await expect(credential.getToken(ARM)).rejects.toThrow('no sign-in');
  });
});
