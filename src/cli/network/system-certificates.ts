// Trusts the certificates that the system trusts, in addition to those of Node.js: companies install the root of their proxy there.
import tls from 'node:tls';
import { messageOf } from '../../base/thrown.ts';

/** Since Node.js 22.19 and 24.5. The types of older versions do not declare them. */
export interface CertificateStore {
  getCACertificates?(type: 'default' | 'system'): string[];
  setDefaultCACertificates?(certificates: readonly string[]): void;
}

const TLS: object = tls;

/** Whether this version of Node.js can read the certificates of the system. */
export function canReadSystemCertificates(store: CertificateStore = TLS): boolean {
  return store.getCACertificates !== undefined && store.setDefaultCACertificates !== undefined;
}

/**
 * Adds the certificates of the system to the defaults, which include those in NODE_EXTRA_CA_CERTS.
 * @returns how many were added, and a sentence about it, for --verbose. Never fails: a store that cannot be read leaves the defaults.
 */
export function trustSystemCertificates(store: CertificateStore = TLS): { added: number; message: string } {
  try {
    const before = store.getCACertificates?.('default') ?? [];
    const known = new Set(before);
    // The stores of Linux list the same certificate under several names.
    const found = new Set(store.getCACertificates?.('system'));
    const added = [...found].filter((certificate) => !known.has(certificate));
    if (added.length > 0) store.setDefaultCACertificates?.([...before, ...added]);
    const message = `Node.js does not trust the server. ${added.length} certificates of the system are trusted in addition to the ${before.length} of Node.js.`;
    return { added: added.length, message };
  } catch (error) {
    return { added: 0, message: `The certificates of the system cannot be used: ${messageOf(error)}.` };
  }
}
