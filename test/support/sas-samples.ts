// SAS in the form of Azure, for tests that send nothing.

/** A signature with all characters that need percent-encoding: +, / and =. */
export const SIGNATURE = '+/c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0/+4='.slice(0, 42).concat('E=');

/** A different signature for each name. */
export function signatureFor(name: string): string {
  return Buffer.alloc(32, `${name}/`).toString('base64');
}

/** The query of a service SAS for a container; `fields` override its parameters; undefined omits one. */
export function sasWith(fields: Readonly<Record<string, string | undefined>> = {}): string {
  const all = {
    sv: '2025-01-05',
    sr: 'c',
    sp: 'rw',
    se: '2999-01-01T00:00:00Z',
    ...fields,
    sig: 'sig' in fields ? fields['sig'] : SIGNATURE,
  };
  return Object.entries(all)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
    .join('&');
}

/** The query of an account SAS. */
export function accountSasWith(fields: Readonly<Record<string, string | undefined>> = {}): string {
  return sasWith({ sr: undefined, ss: 'b', srt: 'sco', ...fields });
}
