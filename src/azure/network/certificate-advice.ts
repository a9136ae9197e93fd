// The next step when a certificate is not trusted. Codes: nodejs.org/api/tls.html, X509 certificate error codes.
import tls from 'node:tls';

/** The codes of certificates that are not trusted. */
export const CERTIFICATE_ERROR =
  /^(?:ERR_TLS_CERT_ALTNAME_INVALID$|CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|INVALID_CA)/;

const BY_CODE: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    'The certificate is not valid at this time. Check the clock of this machine.',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'The certificate belongs to another host. Check the address. A proxy that inspects connections or a sign-in page can also cause this.',
  ],
  [
    CERTIFICATE_ERROR,
    `Node.js does not trust the issuer of the certificate. If a proxy of your company inspects connections, save its root certificate as a PEM file and set the environment variable NODE_EXTRA_CA_CERTS to its path${'getCACertificates' in tls ? '' : ', or use Node.js 22.19 or later, with which vhdup trusts the certificates of the system'}.`,
  ],
];

/** Undefined if the code is not about certificates. */
export function certificateAdvice(code: string): string | undefined {
  return BY_CODE.find(([pattern]) => pattern.test(code))?.[1];
}
