// What a proxy asks for with 407, and what to do about it. Source: RFC 9110, 11.7.1; RFC 4559 (Negotiate); MS-NLMP (NTLM).

/** With the names of the schemes. */
const CHALLENGE = /(?:^|,)\s*(Basic|Digest|Negotiate|NTLM|Kerberos)\b/gi;

/** The next step when a proxy wants a user and a password. Without a whole URL: its password would be taken for a secret. */
export const PROXY_PASSWORD =
  'The proxy requires a user and a password: add USER:PASSWORD@ to its URL in HTTPS_PROXY, in front of the host.';

/**
 * The schemes that a proxy accepts, if vhdup knows none of them: "Negotiate or NTLM". They prove the Windows account of the user.
 * @param header - `Proxy-Authenticate`.
 */
export function foreignSchemes(header: string | readonly string[] | undefined): string | undefined {
  const text = [header ?? ''].flat().join(', ');
  const schemes = [...new Set([...text.matchAll(CHALLENGE)].map(([, name = '']) => name))];
  if (schemes.length === 0 || schemes.some((name) => name.toLowerCase() === 'basic')) return undefined;
  return schemes.join(' or ');
}

/** The next step when the proxy accepts only such schemes. */
export function foreignSchemeAdvice(schemes: string): string {
  return `The proxy asks for ${schemes}, which vhdup cannot answer. Start a local proxy that signs in to it with your account, such as Px or Cntlm, and set HTTPS_PROXY to that one (for Px: HTTPS_PROXY=http://127.0.0.1:3128); or ask for an exception for this machine.`;
}
