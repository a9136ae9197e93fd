import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact, registerSecret } from '../../src/base/redact.ts';

/** A signature before it is percent-encoded: 32 bytes in base64. */
const anySignature = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64'));

const KEY = Buffer.alloc(64, 0xa7).toString('base64');

/** The ways in which a text can contain a signature. */
const CARRIERS: Readonly<Record<string, (signature: string) => string>> = {
  'a URL': (sig) => `https://account.blob.core.windows.net/c/b.vhd?sv=2025&sp=rw&sig=${encodeURIComponent(sig)}`,
  'a URL with the signature in the middle': (sig) => `GET https://a.b/c?sig=${encodeURIComponent(sig)}&se=2030 failed`,
  'a URL that was decoded': (sig) => `https://account.blob.core.windows.net/c/b.vhd?sig=${sig}&sp=rw`,
  'a URL in upper case': (sig) => `HTTPS://A.B/C?SP=RW&SIG=${encodeURIComponent(sig)}`,
  'a SAS alone': (sig) => `sig=${encodeURIComponent(sig)}`,
  'a URL in a URL': (sig) => `https://x/?to=${encodeURIComponent(`https://a.b/c?sp=r&sig=${encodeURIComponent(sig)}`)}`,
  'a URL in a URL in a URL': (sig) =>
    `https://x/?to=${encodeURIComponent(encodeURIComponent(`https://a.b/c?sp=r&sig=${encodeURIComponent(sig)}`))}`,
  JSON: (sig) => JSON.stringify({ url: `https://a.b/c?sp=r&sig=${encodeURIComponent(sig)}`, more: 1 }),
  'JSON with escaped ampersands': (sig) => `{"url":"https://a.b/c?sp=r\\u0026sig=${encodeURIComponent(sig)}"}`,
  'JSON with an escaped equals sign': (sig) =>
    `{"url":"https://a.b/c?sp=r\\u0026sig\\u003d${encodeURIComponent(sig)}"}`,
  'JSON in JSON': (sig) => JSON.stringify(`{"url":"https://a.b/c?sig\\u003d${encodeURIComponent(sig)}"}`),
  'HTML with numbers': (sig) => `https://a.b/c?sp=r&#38;sig&#61;${encodeURIComponent(sig)}`,
  'a batch file': (sig) => `https://a.b/c%%3Fsp%%3Drw%%26sig%%3D${encodeURIComponent(sig).replaceAll('%', '%%')}`,
  'a command for cmd.exe': (sig) => `https://a.b/c?sp=r^&sig^=${encodeURIComponent(sig)}`,
  'a command for sh': (sig) => `https://a.b/c\\?sp\\=r\\&sig\\=${encodeURIComponent(sig)}`,
  XML: (sig) => `<Url>https://a.b/c?sp=r&amp;sig=${encodeURIComponent(sig)}&amp;se=2030</Url>`,
  'a connection string': (sig) =>
    `BlobEndpoint=https://a.b/;SharedAccessSignature=sv=2025&sig=${encodeURIComponent(sig)};More=1`,
};

describe('redact', () => {
  it.each(Object.entries(CARRIERS))('removes the signature from %s', (_, carry) => {
    fc.assert(
      fc.property(anySignature, (signature) => {
        const redacted = redact(carry(signature));
        expect(redacted).toContain('REDACTED');
        // No part of it either.
        for (const piece of signature.split(/[+/=]/).filter(({ length }) => length > 4)) {
          expect(redacted).not.toContain(piece);
        }
      }),
    );
  });

  it.each([
    ['an account key', `AccountName=a;AccountKey=${KEY};EndpointSuffix=core.windows.net`],
    ['a shared key', `Authorization: SharedKey account:${KEY}`],
    ['a shared key of the lite form', `SharedKeyLite account:${KEY}`],
    ['a token', `Authorization: Bearer ${KEY}`],
    ['the password of a proxy', `connect to http://user:${encodeURIComponent(KEY)}@proxy.corp:8080 failed`],
    ['the password of a proxy without a user', `http://:${encodeURIComponent(KEY)}@proxy.corp:8080`],
    ['what a proxy is shown', `CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: Basic ${KEY}\r\nHost: a:443`],
    ['what a proxy is shown, in an object', `{ 'proxy-authorization': [ 'Proxy-Authorization',\n  'Basic ${KEY}' ] }`],
    ['what a proxy is shown, in JSON', JSON.stringify(JSON.stringify({ 'proxy-authorization': `Basic ${KEY}` }))],
  ])('removes %s', (_, text) => {
    expect(redact(text)).not.toContain(KEY);
    expect(redact(text)).not.toContain(encodeURIComponent(KEY));
    expect(redact(text)).toContain('REDACTED');
  });

  it('removes a signature or an account key that stands alone', () => {
    fc.assert(
      fc.property(anySignature, fc.constantFrom('', '"', "'"), (signature, quote) => {
        for (const secret of [signature, encodeURIComponent(signature)]) {
          expect(redact(`The destination ${quote}${secret}${quote} is not a URL.`)).not.toContain(secret);
        }
      }),
    );
    expect(redact(`-StorageKey ${KEY}`)).toBe('-StorageKey REDACTED');
  });

  it('keeps checksums and names', () => {
    const texts = ['wfS3Zz1DHt+1UHiyCFH9Dw==', '7fxeieZXMgQ=', 'a'.repeat(43), `${'a/'.repeat(40)}disk.vhd`];
    for (const text of texts) expect(redact(text)).toBe(text);
  });

  it('keeps everything else', () => {
    expect(redact('https://a.blob.core.windows.net/c/b.vhd?sv=2025&sig=abc%2B&se=2030 failed (ECONNRESET)')).toBe(
      'https://a.blob.core.windows.net/c/b.vhd?sv=2025&sig=REDACTED&se=2030 failed (ECONNRESET)',
    );
    expect(redact('Cannot open https://a/c/b.vhd?sig=abc%2B%3D: it is missing. Try ?sig=abc%2B.')).toBe(
      'Cannot open https://a/c/b.vhd?sig=REDACTED: it is missing. Try ?sig=REDACTED.',
    );
    for (const text of [
      'Put Page 0+4194304 failed: 503 ServerBusy (request id 1-2-3)',
      'Cannot write C:\\disks\\design.vhd: it is there already.',
      'http://127.0.0.1:10000/devstoreaccount1/container/blob',
      'Proxy-Authenticate: Basic realm="proxy"',
      'mail someone@example.com about signature=0',
      '',
    ]) {
      expect(redact(text)).toBe(text);
    }
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(CARRIERS)), anySignature, (carry, signature) => {
        const once = redact(carry(signature));
        expect(redact(once)).toBe(once);
      }),
    );
  });
});

describe('registerSecret', () => {
  const FORMS: Readonly<Record<string, (secret: string) => string>> = {
    alone: (secret) => secret,
    'without its =': (secret) => secret.replace(/=+$/, ''),
    'percent-encoded': encodeURIComponent,
    'percent-encoded in lower case': (secret) =>
      encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
    'percent-encoded twice': (secret) => encodeURIComponent(encodeURIComponent(secret)),
    'with blanks for +': (secret) => secret.replaceAll('+', ' '),
    'in JSON with escaped slashes': (secret) => secret.replaceAll('/', '\\/'),
    'in JSON of .NET': (secret) => secret.replaceAll('+', '\\u002B').replaceAll('=', '\\u003D'),
    'in HTML': (secret) => secret.replaceAll('+', '&#x2B;').replaceAll('/', '&#47;').replaceAll('=', '&#61;'),
  };

  it.each(Object.entries(FORMS))('makes redact replace a secret in every form: %s', (_, form) => {
    fc.assert(
      fc.property(anySignature, (secret) => {
        registerSecret(secret);
        expect(redact(`Signature did not match: ${form(secret)}, see above`)).toMatch(
          /^Signature did not match: REDACTED=*, see above$/,
        );
      }),
      { numRuns: 50 },
    );
  });

  it('ignores texts that are too short to be secrets', () => {
    for (const text of ['', 'disk', 'container']) registerSecret(text);
    expect(redact('disk in container')).toBe('disk in container');
  });

  it('removes the whole of a secret that begins with another one, whichever was registered first', () => {
    for (const secret of ['first-secret-of-two', 'first-secret-of-two-and-more']) registerSecret(secret);
    expect(redact('first-secret-of-two-and-more')).toBe('REDACTED');
    for (const secret of ['second-secret-of-two-and-more', 'second-secret-of-two']) registerSecret(secret);
    expect(redact('second-secret-of-two-and-more')).toBe('REDACTED');
  });

  it('forgets the oldest secrets if there are too many', () => {
    const secrets = Array.from({ length: 501 }, (_, index) => `number-${index}-of-the-secrets`);
    for (const secret of secrets) registerSecret(secret);
    expect(redact(secrets[0] ?? '')).toBe(secrets[0]);
    expect(redact(secrets[500] ?? '')).toBe('REDACTED');
  });
});

describe('redact, for managed disks', () => {
  const POLICY = '0f0f0f0f-5555-6666-7777-888888888888';
  const CERTIFICATE = 'MIIHHjCCBgagAwIBAgITfwI8YE7TFpH4swTJAgAE';
  const POLL =
    'https://management.azure.com/subscriptions/0/providers/Microsoft.Compute/locations/westus/DiskOperations/07598b56?p=42128af7&monitor=true&api-version=2023-04-02&t=638348572813941099&c=' +
    `${CERTIFICATE}&s=X5E4RfIb5qs3AgsVGaDhWB_90UAg&h=Z9QQEra9k9krMd8966td9qfltTR3EBW8Uw0O8RwEiaE`;

  const SECRETS = [POLICY, CERTIFICATE, '638348572813941099', 'X5E4RfIb5qs3AgsVGaDhWB_90UAg', 'Z9QQEra9k9krMd8966td9'];

  it.each<[string, string]>([
    ['the policy of a SAS', `https://md-impexp-1.blob.core.windows.net/a/abcd?sv=2018-03-28&sr=b&si=${POLICY}&sig=x`],
    ['the policy of a SAS that comes first', `si=${POLICY}&sr=b`],
    ['the policy in JSON', `{"accessSAS":"https://md-1/a/abcd?sr=b\\u0026si=${POLICY}\\u0026sig=x"}`],
    ['the policy in a URL in a URL', `https://x/?to=${encodeURIComponent(`https://md-1/a?sr=b&si=${POLICY}&sig=x`)}`],
    ['the signature of a poll URL', `GET ${POLL} failed`],
    ['the signature of a poll URL in a header', `'azure-asyncoperation': '${POLL}',`],
    ['the signature of a poll URL in a URL', `https://x/?to=${encodeURIComponent(POLL)}`],
    ['the signature without the rest', POLL.slice(POLL.indexOf('&t='))],
    ['the signature of another provider', POLL.replace('DiskOperations', 'capsOperations')],
    [
      'short signatures',
      'https://a.b/x/operationStatuses/1?api-version=1&t=1&c=22&s=333&h=4444'.replace('22', CERTIFICATE),
    ],
  ])('removes %s', (_, text) => {
    for (const secret of SECRETS) expect(redact(text)).not.toContain(secret);
    expect(redact(text)).toContain('REDACTED');
    expect(redact(redact(text))).toBe(redact(text));
  });

  it('keeps everything else', () => {
    for (const text of [
      'https://management.azure.com/subscriptions/0/resourceGroups/rg/providers/Microsoft.Compute/disks/d1?api-version=2025-01-02',
      'design=1&basic=2, size=3',
      "The Resource 'Microsoft.Compute/disks/d1' under resource group 'rg' was not found.",
      'https://learn.microsoft.com/azure/operations/guide',
    ]) {
      expect(redact(text)).toBe(text);
    }
  });
});
