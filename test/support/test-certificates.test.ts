import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTestCertificates } from './test-certificates.ts';

const OPENSSL = 'openssl';

describe('makeTestCertificates', () => {
  it('creates a server certificate for loopback and the given names, signed by its authority', () => {
    const { caCertificate, certificate } = makeTestCertificates(['account.blob.localhost']);
    const authority = new X509Certificate(caCertificate);
    const server = new X509Certificate(certificate);
    expect(authority.ca).toBe(true);
    expect(server.ca).toBe(false);
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(server.checkIssued(authority)).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkHost('account.blob.localhost')).toBe('account.blob.localhost');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkHost('example.com')).toBeUndefined();
  });

  it('creates certificates that OpenSSL accepts', (ctx) => {
    if (spawnSync(OPENSSL, ['version']).status !== 0) ctx.skip('openssl is not installed');
    const { caCertificate, certificate } = makeTestCertificates();
    const folder = mkdtempSync(join(tmpdir(), 'vhdup-certificates-'));
    try {
      writeFileSync(join(folder, 'ca.pem'), caCertificate);
      writeFileSync(join(folder, 'server.pem'), certificate);
      const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.pem', 'server.pem'];
      expect(spawnSync(OPENSSL, args, { cwd: folder, encoding: 'utf8' }).stdout).toBe('server.pem: OK\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
