// Creates a certificate authority and a server certificate for one test run, using only node:crypto (X.509 v3, RFC 5280).

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** The key and the certificate of a server, and the CA certificate that a client must trust, all in PEM. */
export interface TestCertificates {
  readonly caCertificate: string;
  readonly certificate: string;
  readonly key: string;
}

/** Certificates for localhost, 127.0.0.1, ::1 and the given host names, valid from yesterday until tomorrow. */
export function makeTestCertificates(hostNames: readonly string[] = []): TestCertificates {
  const authority = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const server = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const alternativeNames = [
    ...['localhost', ...hostNames].map((name) => tagged(0x82, Buffer.from(name, 'ascii'))),
    tagged(0x87, Buffer.from([127, 0, 0, 1])),
    tagged(0x87, Buffer.from([...new Array<number>(15).fill(0), 1])),
  ];
  const identifier = keyIdentifier(authority.publicKey);
  const caCertificate = makeCertificate('vhdup test authority', authority.publicKey, authority.privateKey, [
    extension(BASIC_CONSTRAINTS, sequence(BOOLEAN_TRUE), BOOLEAN_TRUE),
    extension(KEY_USAGE, KEY_CERT_SIGN_AND_CRL_SIGN, BOOLEAN_TRUE),
    extension(SUBJECT_KEY_IDENTIFIER, tagged(0x04, identifier)),
  ]);
  const certificate = makeCertificate('vhdup test server', server.publicKey, authority.privateKey, [
    extension(SUBJECT_ALT_NAME, sequence(...alternativeNames)),
    extension(SUBJECT_KEY_IDENTIFIER, tagged(0x04, keyIdentifier(server.publicKey))),
    extension(AUTHORITY_KEY_IDENTIFIER, sequence(tagged(0x80, identifier))),
  ]);
  return {
    caCertificate: toPem(caCertificate),
    certificate: toPem(certificate),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const COMMON_NAME = oid([0x55, 0x04, 0x03]);
const BASIC_CONSTRAINTS = oid([0x55, 0x1d, 0x13]);
const KEY_USAGE = oid([0x55, 0x1d, 0x0f]);
const SUBJECT_KEY_IDENTIFIER = oid([0x55, 0x1d, 0x0e]);
const AUTHORITY_KEY_IDENTIFIER = oid([0x55, 0x1d, 0x23]);
const SUBJECT_ALT_NAME = oid([0x55, 0x1d, 0x11]);
const ECDSA_WITH_SHA256 = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
const BOOLEAN_TRUE = tagged(0x01, Buffer.from([0xff]));
const KEY_CERT_SIGN_AND_CRL_SIGN = tagged(0x03, Buffer.from([0x01, 0x06]));
const VERSION_3 = tagged(0xa0, tagged(0x02, Buffer.from([2])));

function makeCertificate(subject: string, publicKey: KeyObject, signer: KeyObject, extensions: Buffer[]): Buffer {
  const now = Date.now();
  const serialNumber = Buffer.concat([Buffer.from([0x40]), randomBytes(15)]);
  const toBeSigned = sequence(
    VERSION_3,
    tagged(0x02, serialNumber),
    ECDSA_WITH_SHA256,
    name('vhdup test authority'),
    sequence(utcTime(now - DAY_MS), utcTime(now + DAY_MS)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, signer);
  return sequence(toBeSigned, ECDSA_WITH_SHA256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

function name(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from(commonName, 'utf8')))));
}

function extension(id: Buffer, value: Buffer, critical?: Buffer): Buffer {
  return sequence(id, ...(critical === undefined ? [] : [critical]), tagged(0x04, value));
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

function utcTime(time: number): Buffer {
  const digits = new Date(time).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

function oid(encoded: number[]): Buffer {
  return tagged(0x06, Buffer.from(encoded));
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** DER: tag, length, contents. */
function tagged(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), contents]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), contents]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), contents]);
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
