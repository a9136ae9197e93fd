// The blob of one managed disk, and the accesses to it that were granted.

import { randomBytes, randomUUID } from 'node:crypto';
import type { StoredBlob } from '../page-blob-server/store.ts';

/** The name of every blob of a disk. */
export const BLOB = 'abcd';

export type AccessLevel = 'Read' | 'Write';

/** One SAS. */
export class DiskAccess {
  readonly level: AccessLevel;
  /** The name before `.blob` in the host, or the first segment of the path on loopback. */
  readonly account: string;
  /** The id of the stored policy. A secret of the URL, like the signature. */
  readonly policy = randomUUID();
  readonly signature = randomBytes(32).toString('base64');
  readonly grantedAt: Date;
  /** Not visible in a URL with `si`. */
  expiresAt: Date;
  hasEnded = false;

  constructor(level: AccessLevel, account: string, grantedAt: Date, expiresAt: Date) {
    this.level = level;
    this.account = account;
    this.grantedAt = grantedAt;
    this.expiresAt = expiresAt;
  }

  /** The parameters of the SAS, by name. */
  parameters(form: 'si' | 'sk'): Readonly<Record<string, string>> {
    if (form === 'si') return { sv: '2018-03-28', sr: 'b', si: this.policy, sig: this.signature };
    return {
      sv: '2014-02-14',
      sr: 'b',
      sk: 'key1',
      st: seconds(this.grantedAt),
      se: seconds(this.expiresAt),
      sp: this.level === 'Read' ? 'r' : 'rw',
      sig: this.signature,
    };
  }
}

function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** The pages of a disk on the data plane. */
export class DiskBlob {
  readonly container: string;
  /** Written pages, contents, SHA-256: for tests. */
  readonly blob: StoredBlob;
  readonly accesses: DiskAccess[] = [];
  /** Whether requests need a token besides the SAS (`dataAccessAuthMode`). */
  needsToken: boolean;
  /** Whether the network policy lets the client in. */
  isReachable = true;

  constructor(container: string, blob: StoredBlob, needsToken: boolean) {
    this.container = container;
    this.blob = blob;
    this.needsToken = needsToken;
  }
}

/** Twelve random characters, as the service has them in hosts and containers. */
export function randomName(): string {
  return randomBytes(12)
    .toString('hex')
    .replace(/../g, (pair) => (Number.parseInt(pair, 16) % 36).toString(36));
}
