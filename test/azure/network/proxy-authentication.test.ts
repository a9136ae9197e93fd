import { describe, expect, it } from 'vitest';
import { foreignAnswer, networkError } from '../../../src/azure/errors.ts';
import { foreignSchemes } from '../../../src/azure/network/proxy-authentication.ts';

describe('what a proxy asks for', () => {
  it.each([
    ['Negotiate', 'Negotiate'],
    ['Negotiate, NTLM', 'Negotiate or NTLM'],
    [['Negotiate', 'NTLM', 'Kerberos'], 'Negotiate or NTLM or Kerberos'],
    ['NTLM TlRMTVNTUAACAAAA', 'NTLM'],
    ['Digest realm="corp", nonce="abc"', 'Digest'],
    ['Negotiate, Basic realm="corp"', undefined],
    ['Basic realm="the NTLM proxy, NTLM"', undefined],
    ['Bearer', undefined],
    [undefined, undefined],
  ])('is known: %j', (header, schemes) => {
    expect(foreignSchemes(header)).toBe(schemes);
  });

  it('is in the error of a tunnel, with the next step', () => {
    const proxy = 'proxy.corp:8080 (set in HTTPS_PROXY)';
    const message =
      'cannot connect through the proxy in HTTPS_PROXY: it answered CONNECT with 407 Proxy Authentication Required and asks for Negotiate or NTLM';
    const error = networkError({ what: 'Put Page', proxy }, { code: 'EPROXYSCHEME', message });
    expect(error.message).toContain('The proxy asks for Negotiate or NTLM, which vhdup cannot answer.');
    expect(error.message).toContain('Px or Cntlm');
    const basic = networkError({ what: 'Put Page', proxy }, { code: 'EPROXYAUTH', message: 'it answered with 407' });
    expect(basic.message).toContain('add USER:PASSWORD@ to its URL in HTTPS_PROXY');
  });

  it('is in the error of an answer to plain http', () => {
    const answerOf = (proxyAuthenticate: string | undefined) =>
      foreignAnswer(
        { what: 'Put Page' },
        'Azure Storage',
        { status: 407, contentType: 'text/html', retryAfter: undefined, proxyAuthenticate },
        { is: 'transient' },
      ).message;
    expect(answerOf('NTLM')).toContain('The proxy asks for NTLM, which vhdup cannot answer.');
    expect(answerOf('Basic realm="corp"')).toContain('The proxy requires a user and a password');
    expect(answerOf(undefined)).toContain('The proxy requires a user and a password');
  });
});
