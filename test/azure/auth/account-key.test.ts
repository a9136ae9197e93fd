import { describe, expect, it } from 'vitest';
import { accountKeyOf } from '../../../src/azure/auth/account-key.ts';
import { redact } from '../../../src/base/redact.ts';

const KEY = Buffer.alloc(64, 0x5a).toString('base64');

describe('accountKeyOf', () => {
  it.each([KEY, ` ${KEY}\n`, `"${KEY}"`, `\ufeff${KEY}`])(
    'removes quotes and white space around the key: %j',
    (text) => {
      expect(accountKeyOf(text)).toBe(KEY);
    },
  );

  it('registers the key as a secret, which is redacted everywhere', () => {
    const key = Buffer.alloc(64, 0x6b).toString('base64');
    accountKeyOf(key);
    expect(redact(`echo ${key} and ${encodeURIComponent(key)}`)).toBe('echo REDACTED and REDACTED');
  });
});
