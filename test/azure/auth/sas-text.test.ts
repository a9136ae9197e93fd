import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalSas, hasSasFields, sasField } from '../../../src/azure/auth/sas-text.ts';
import { CredentialError } from '../../../src/errors.ts';
import { accountSasWith, SIGNATURE, sasWith } from '../../support/sas-samples.ts';

const SAS = sasWith({ st: '2025-01-01T00:00:00Z', spr: 'https,http', sip: '10.0.0.1-10.0.0.9' });

/** The error message, which must contain no part of the signature. */
function refusalOf(query: string): string {
  try {
    canonicalSas(query);
  } catch (error) {
    expect(error).toBeInstanceOf(CredentialError);
    const { message } = error as Error;
    for (const piece of SIGNATURE.split(/[+/=]/).filter(({ length }) => length > 5)) {
      expect(message).not.toContain(piece);
    }
    return message;
  }
  throw new Error(`It took ${query}.`);
}

/** Changes a text as a cmd.exe batch file without arguments does: it replaces %0 to %9, and %% by %. */
function eatenByBatch(text: string): string {
  return text.replace(/%(%|\d)/g, (_, next: string) => (next === '%' ? '%' : ''));
}

/** None of these changes the meaning. */
const SPELLINGS: Readonly<Record<string, (sas: string) => string>> = {
  'as it is': (sas) => sas,
  'a question mark before it': (sas) => `?${sas}`,
  'an ampersand before it': (sas) => `&${sas}`,
  'both before it': (sas) => `?&${sas}`,
  'an ampersand behind it': (sas) => `${sas}&`,
  'percent-encoded as a whole': (sas) => encodeURIComponent(sas),
  'percent-encoded as a whole, twice': (sas) => encodeURIComponent(encodeURIComponent(sas)),
  'each value percent-encoded once more': (sas) => sas.replaceAll('%', '%25'),
  'percent-decoded': (sas) => decodeURIComponent(sas),
  'the = of the signature percent-decoded': (sas) => sas.replace(/%3D$/i, '='),
  'the + of the signature percent-decoded': (sas) => sas.replaceAll('%2B', '+'),
  'the + of the signature decoded to a blank': (sas) => sas.replaceAll('%2B', ' '),
  'the / of the signature percent-decoded': (sas) => sas.replaceAll('%2F', '/'),
  'percent-encoded in lower case': (sas) => sas.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  'escaped for HTML': (sas) => sas.replaceAll('&', '&amp;'),
  'escaped for HTML twice': (sas) => sas.replaceAll('&', '&amp;amp;'),
  'escaped for HTML by numbers': (sas) => sas.replaceAll('&', '&#38;').replaceAll('=', '&#x3D;'),
  'escaped for JSON': (sas) => sas.replaceAll('&', '\\u0026').replaceAll('=', '\\u003d'),
  'escaped by a shell': (sas) => sas.replaceAll('&', '\\&').replaceAll('=', '\\='),
  'escaped for HTML in upper case': (sas) => sas.replaceAll('&', '&AMP;'),
  'escaped for HTML without semicolons': (sas) => sas.replaceAll('&', '&amp'),
  'escaped by cmd.exe': (sas) => sas.replaceAll('&', '^&'),
  'escaped by PowerShell': (sas) => sas.replaceAll('&', '`&'),
  'with the doubled % of a batch file': (sas) => sas.replaceAll('%', '%%'),
  'before an encoded line end': (sas) => `${sas}%0A`,
  'before an encoded line end of Windows': (sas) => `${sas}%0D%0A`,
  'before an encoded blank': (sas) => `${sas}%20`,
  'behind the name of a variable': (sas) => `SAS=${sas}`,
  'behind a label': (sas) => `sas: ?${sas}`,
  'in double quotes': (sas) => `"${sas}"`,
  'in single quotes, with a line end': (sas) => `'${sas}'\r\n`,
  'in smart quotes': (sas) => `“${sas}”`,
  'in German quotes': (sas) => `„${sas}“`,
  'in quotes of HTML': (sas) => `&quot;${sas}&quot;`,
  'in angle brackets': (sas) => `<${sas}>`,
  'behind a byte order mark': (sas) => `\ufeff${sas}`,
  'between blanks that cannot be broken': (sas) => `\u00a0${sas}\u00a0`,
  'with zero-width blanks': (sas) => `\u200b${sas.replaceAll('&', '\u200b&')}\u2060`,
  'wrapped as a mail': (sas) => sas.replace(/.{40}/g, '$&\r\n'),
  'names in upper case': (sas) => sas.replace(/(^|&)(\w+)=/g, (_, before, name) => `${before}${name.toUpperCase()}=`),
  'given twice': (sas) => `${sas}&${sas}`,
  'with parameters of an operation': (sas) => `comp=page&${sas}&timeout=30&restype=container&utm_source=chat`,
};

describe('canonicalSas', () => {
  it.each(Object.entries(SPELLINGS))('parses a SAS that is %s', (_, spell) => {
    expect(canonicalSas(spell(SAS))).toBe(SAS);
  });

  it.each([
    ['escaped quotes', `&#38;quot;${SAS}&#38;quot;`],
    ['a label and a bracket', `sas: ?<${SAS}>&<${SAS}>`],
    ['quotes behind other parameters', `comp=page&“${SAS}&${SAS}&”&timeout=30`],
  ])('finds the first field behind %s', (_, sas) => {
    expect(canonicalSas(sas)).toBe(SAS);
  });

  it('is idempotent', () => {
    expect(canonicalSas(canonicalSas(`?${SAS}`))).toBe(SAS);
  });

  it.each(['sig', 'sp', 'se', 'sr', 'sv'])('names the missing field %s', (name) => {
    expect(refusalOf(sasWith({ [name]: undefined }))).toContain(name);
  });

  it('needs neither permissions nor times if a stored policy defines them', () => {
    const sas = sasWith({ sp: undefined, se: undefined, si: 'my policy+1' });
    expect(canonicalSas(sas)).toBe(sas);
  });

  it.each([
    ['srt of an account SAS', accountSasWith({ srt: undefined }), 'srt'],
    ['ss of an account SAS', accountSasWith({ ss: undefined }), 'ss'],
    ['the key of a user delegation SAS', sasWith({ skoid: '11111111-2222-3333-4444-555555555555' }), 'sktid, skt, ske'],
  ])('names missing fields: %s', (_, sas, names) => {
    expect(refusalOf(sas)).toContain(names);
  });

  it.each([
    ['a time', { se: 'never' }, '`se` of the SAS is not a time: "never"'],
    ['a month that does not exist', { st: '2030-13-01' }, '`st` of the SAS is not a time: "2030-13-01"'],
    ['a version', { sv: '2025' }, '`sv` of the SAS is not a version'],
    ['permissions', { sp: 'RW' }, '`sp` of the SAS is not a row of lower-case letters: "RW"'],
    ['an object id', { skoid: 'me' }, '`skoid` of the SAS is not a GUID'],
    ['an address', { sip: 'home' }, '`sip` of the SAS is not an IP address'],
    [
      'a signature',
      { sig: `${SIGNATURE}AAAA` },
      '`sig` of the SAS is not the base64 of 32 bytes, which is 44 characters that end in =: it has 48 characters',
    ],
    ['a signature whose = was lost', { sig: SIGNATURE.slice(0, 43) }, 'it has 43 characters and no = at the end'],
    ['a signature that was cut', { sig: SIGNATURE.slice(0, 30) }, 'it has 30 characters'],
    ['a signature with other characters', { sig: `${SIGNATURE.slice(0, 40)}!?a=` }, 'are not base64'],
  ])('names a damaged field: %s', (_, fields, message) => {
    expect(refusalOf(sasWith(fields))).toContain(message);
  });

  it('recognises the damage of a batch file', () => {
    const eaten = eatenByBatch(SAS);
    expect(eaten).toContain('T00A00A00Z');
    expect(refusalOf(eaten)).toMatch(/`se` of the SAS .*\. A batch file .* removed percent signs: double every %/);
    expect(refusalOf(eatenByBatch(sasWith({ se: '2999-01-01' })))).toMatch(
      /`sig` .* has 44 characters and no = at the end\. A batch file .*double every %/,
    );
    expect(refusalOf(eatenByBatch(sasWith({ se: '2999-01-01', spr: 'https,http' })))).toMatch(/`spr` .*double every %/);
  });

  it('does not suspect a batch file of other damage', () => {
    for (const sas of [SAS.slice(0, -3), SAS.replace('999-01', '999-x'), SAS.replace('sip=', 'sip=x')]) {
      expect(refusalOf(sas)).toMatch(/Copy the whole SAS again\.$/);
    }
  });

  it('refuses a field that occurs twice with different values', () => {
    expect(refusalOf(`${SAS}&se=2998-01-01`)).toContain('`se` twice');
  });

  it.each(['%', '%zz', 'sv=%&sig=%3', ''])('refuses %j with a clear message', (query) => {
    expect(refusalOf(query)).toMatch(/^The SAS |^`\w+` of the SAS/);
  });

  it('returns the same SAS for every chain of spellings, or names the damaged field', () => {
    const anyText = fc
      .string({ unit: fc.constantFrom(...'aZ9-_. ~'), minLength: 1, maxLength: 20 })
      .map((text) => `x${text}x`);
    const anyTime = fc
      .date({ min: new Date('2020-01-01'), max: new Date('2999-12-31'), noInvalidDate: true })
      .chain((time) =>
        fc.constantFrom(time.toISOString(), `${time.toISOString().slice(0, 19)}Z`, time.toISOString().slice(0, 10)),
      );
    const anyFields = fc.record(
      { se: anyTime, sp: fc.constantFrom('rw', 'racwdl'), si: anyText, rscd: anyText, st: anyTime, sip: fc.ipV4() },
      { requiredKeys: ['se', 'sp'] },
    );
    const anySignature = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((bytes) => Buffer.from(bytes).toString('base64'));
    const spellings = Object.values(SPELLINGS);
    // The damage of a batch file shows at the = of the signature, unless that was not percent-encoded, or a line end
    // was within it. Then + may have become B, and only the service can detect that.
    const sparesEqualsSign = [
      SPELLINGS['the = of the signature percent-decoded'],
      SPELLINGS['wrapped as a mail'],
    ] as unknown[];
    const isDetectable = (chain: readonly unknown[]) =>
      !chain.includes(eatenByBatch) || !chain.some((spell) => sparesEqualsSign.includes(spell));
    const anyChain = fc.array(fc.constantFrom(...spellings, eatenByBatch), { maxLength: 4 }).filter(isDetectable);
    let read = 0;
    fc.assert(
      fc.property(anyFields, anySignature, anyChain, (fields, sig, chain) => {
        const sas = sasWith({ ...fields, sig });
        const mangled = chain.reduce((text, spell) => attempt(spell, text), sas);
        let parsed: string;
        try {
          parsed = canonicalSas(mangled);
        } catch (error) {
          expect(error).toBeInstanceOf(CredentialError);
          return;
        }
        read += 1;
        expect(new Map(new URLSearchParams(parsed))).toEqual(new Map(new URLSearchParams(sas)));
        expect(parsed).toBe(sas);
      }),
      { numRuns: 1000 },
    );
    expect(read, 'most of them are read').toBeGreaterThan(500);
  });
});

/** Returns the text unchanged if the spelling does not apply. */
function attempt(spell: (text: string) => string, text: string): string {
  try {
    return spell(text);
  } catch {
    return text;
  }
}

describe('hasSasFields and sasField', () => {
  it('recognise a SAS in any spelling, and nothing else', () => {
    for (const spell of Object.values(SPELLINGS)) expect(hasSasFields(spell(SAS))).toBe(true);
    for (const query of ['', '1.vhd', 'timeout=3', 'version=2']) expect(hasSasFields(query)).toBe(false);
  });

  it('read one field', () => {
    expect(sasField(`?${SAS}`, 'sr')).toBe('c');
    expect(sasField('x=1', 'sr')).toBeUndefined();
  });
});
