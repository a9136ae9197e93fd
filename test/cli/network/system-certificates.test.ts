import { describe, expect, it } from 'vitest';
import {
  type CertificateStore,
  canReadSystemCertificates,
  trustSystemCertificates,
} from '../../../src/cli/network/system-certificates.ts';

function storeWith(system: readonly string[]): { store: CertificateStore; set: (readonly string[])[] } {
  const set: (readonly string[])[] = [];
  return {
    set,
    store: {
      // The defaults contain those of NODE_EXTRA_CA_CERTS.
      getCACertificates: (type) => (type === 'default' ? ['bundled', 'extra'] : [...system]),
      setDefaultCACertificates: (certificates) => set.push(certificates),
    },
  };
}

describe('the certificates of the system', () => {
  it('are trusted in addition to the defaults', () => {
    const { store, set } = storeWith(['company', 'bundled', 'company']);
    expect(trustSystemCertificates(store)).toEqual({
      added: 1,
      message: expect.stringContaining('1 certificates of the system are trusted in addition to the 2 of Node.js.'),
    });
    expect(set).toEqual([['bundled', 'extra', 'company']]);
  });

  it('change nothing if they are the same', () => {
    const { store, set } = storeWith(['bundled']);
    expect(trustSystemCertificates(store)).toMatchObject({ added: 0 });
    expect(set).toEqual([]);
  });

  it('are left alone by versions of Node.js that cannot read them', () => {
    expect(canReadSystemCertificates({})).toBe(false);
    expect(canReadSystemCertificates(storeWith([]).store)).toBe(true);
  });

  it('never stop a command', () => {
    const { store } = storeWith([]);
    const broken: CertificateStore = {
      ...store,
      getCACertificates: () => {
        throw new Error('the store is locked');
      },
    };
    expect(trustSystemCertificates(broken)).toEqual({
      added: 0,
      message: 'The certificates of the system cannot be used: the store is locked.',
    });
  });
});
