import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertSasAllows,
  assertSasCreatesContainers,
  isWithin,
  parseSas,
  readSas,
} from '../../../src/azure/auth/sas.ts';
import { parseDestination } from '../../../src/azure/destination.ts';
import { CredentialError } from '../../../src/errors.ts';
import { sasWith, signatureFor } from '../../support/sas-samples.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const SIGNATURE = 'c2VjcmV0c2VjcmV0';

function refusalOf(sas: string, check = () => assertSasAllows(sas, 'rw', NOW)): string {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(CredentialError);
    expect((error as Error).message).not.toContain(SIGNATURE);
    return (error as Error).message;
  }
  throw new Error('It was allowed.');
}

describe('readSas', () => {
  it('reads permissions and times', () => {
    expect(readSas(`?sp=racwd&st=2026-01-01T00%3A00%3A00Z&se=2027-01-01&sig=${SIGNATURE}`)).toEqual({
      permissions: 'racwd',
      startsOn: new Date('2026-01-01T00:00:00Z'),
      expiresOn: new Date('2027-01-01T00:00:00Z'),
    });
  });

  it('reads nothing from a SAS with a stored access policy', () => {
    expect(readSas(`si=policy&sr=b&sig=${SIGNATURE}`)).toEqual({ resource: 'b' });
  });

  it('reads services and resource types from an account SAS', () => {
    expect(readSas(`ss=bf&srt=co&sp=rw&sig=${SIGNATURE}`)).toEqual({
      permissions: 'rw',
      services: 'bf',
      resourceTypes: 'co',
    });
  });

  it.each([
    ['se=2027-01-01&ske=2026-06-01', '2026-06-01'],
    ['se=2026-02-01&ske=2026-06-01', '2026-02-01'],
    ['ske=2026-06-01', '2026-06-01'],
  ])('uses the earlier expiry of a SAS and of the key that signed it: %s', (sas, end) => {
    expect(readSas(sas)).toEqual({ expiresOn: new Date(end) });
  });

  it('ignores an invalid time', () => {
    expect(readSas('se=never')).toEqual({});
  });
});

describe('assertSasAllows', () => {
  it.each([
    ['exactly what is needed', `sp=rw&se=2026-03-01T12:00:01Z&sig=${SIGNATURE}`],
    ['more, in any order', `sp=wdacr&sig=${SIGNATURE}`],
    ['a stored access policy, which shows nothing', `si=policy&sig=${SIGNATURE}`],
    ['a question mark before it', `?sp=rw&sig=${SIGNATURE}`],
  ])('accepts a SAS with %s', (_, sas) => {
    expect(() => assertSasAllows(sas, 'rw', NOW)).not.toThrow();
  });

  it.each([
    ['w', 'missing r (r: read, for Get Blob Properties and Get Page Ranges). Create a SAS with at least sp=rw'],
    ['r', 'missing w (w: write, for Put Page)'],
    ['cd', 'missing r, w (r: read, for Get Blob Properties and Get Page Ranges; w: write, for Put Page)'],
    ['', 'it has none'],
    ['c', 'w alone is enough for a new blob without --overwrite, but then nothing is compared at the end.'],
  ])('refuses a SAS that allows "%s", and names the missing permissions', (permissions, message) => {
    expect(refusalOf(`sp=${permissions}&sig=${SIGNATURE}`)).toContain(message);
  });

  it.each(['2026-03-01T12:00:00Z', '2026-03-01', '2020-01-01T00:00Z'])('refuses a SAS that expired at %s', (time) => {
    expect(refusalOf(`sp=rw&se=${time}&sig=${SIGNATURE}`)).toContain(`expired at ${new Date(time).toISOString()}`);
  });
});

describe('assertSasAllows, for the scope and the period of a SAS', () => {
  it.each([
    ['sr=s&sp=rw', 'a file share (sr=s)'],
    ['sr=f&sp=rw', 'a file of a file share'],
    ['sr=bs&sp=rw', 'a snapshot'],
    ['sr=bv&sp=rw', 'a version'],
    ['ss=f&srt=sco&sp=rw', 'ss=b'],
    ['ss=&srt=sco&sp=rw', 'it has none'],
    ['ss=b&srt=sc&sp=rw', 'srt=o'],
    ['sp=rw&st=2026-03-01T12:16:00Z', 'not valid before 2026-03-01T12:16:00.000Z'],
    ['sp=rw&se=2030-01-01&ske=2026-03-01T11:59:00Z', 'expired at 2026-03-01T11:59:00.000Z'],
  ])('refuses %s', (sas, message) => {
    expect(refusalOf(`${sas}&sig=${SIGNATURE}`)).toContain(message);
  });

  it.each(['ss=bqtf&srt=sco&sp=rw', 'ss=b&srt=o&sp=rw', 'sp=rw&st=2026-03-01T12:10:00Z'])('accepts %s', (sas) => {
    expect(() => assertSasAllows(`${sas}&sig=${SIGNATURE}`, 'rw', NOW)).not.toThrow();
  });

  it('marks only an expired SAS as expired', () => {
    for (const [sas, isExpired] of [
      ['sp=rw&se=2020-01-01', true],
      ['sp=r', false],
    ] as const) {
      expect(() => assertSasAllows(`${sas}&sig=${SIGNATURE}`, 'rw', NOW)).toThrow(
        expect.objectContaining({ isExpired }),
      );
    }
  });
});

describe('assertSasCreatesContainers', () => {
  it.each(['ss=b&srt=co&sp=rwc', 'ss=b&srt=sco&sp=rw'])('accepts %s', (sas) => {
    expect(() => assertSasCreatesContainers(`${sas}&sig=${SIGNATURE}`)).not.toThrow();
  });

  it.each(['ss=b&srt=o&sp=rwc', 'ss=b&srt=co&sp=r', 'sr=c&sp=racwdl', 'si=policy'])('refuses %s', (sas) => {
    const whole = `${sas}&sig=${SIGNATURE}`;
    expect(refusalOf(whole, () => assertSasCreatesContainers(whole))).toMatch(
      /cannot create a container.* Create the container first, or use /,
    );
  });
});

describe('parseSas', () => {
  const { address } = parseDestination('https://account.blob.core.windows.net/vhds/folder/my%20disk.vhd');
  const SAS = sasWith();
  const OTHER = sasWith({ sig: signatureFor('other') });
  const URL = 'https://account.blob.core.windows.net/vhds/folder/my%20disk.vhd';

  it.each([
    SAS,
    `?${SAS}`,
    `  ${SAS}\r\n`,
    `"?${SAS}"\n`,
    `<${SAS}>`,
    `SharedAccessSignature=${SAS}`,
    `SharedAccessSignature=?${SAS.replaceAll('&', '&amp;')};`,
    `BlobEndpoint=https://account.blob.core.windows.net/;SharedAccessSignature=${SAS};QueueEndpoint=https://a/`,
    `https://account.blob.core.windows.net/vhds/folder/my%20disk.vhd?${SAS}`,
    `"https://account.blob.core.windows.net/vhds/folder/my%20disk.vhd?${SAS}"\n`,
    `&quot;https://account.blob.core.windows.net/vhds?${SAS.replaceAll('&', '&amp;')}&quot;`,
    encodeURIComponent(`https://account.blob.core.windows.net/vhds?${SAS}`),
    `https://account.blob.core.windows.net/vhds/folder/my%20dis%6B.vhd?${SAS}`,
    `https://account.blob.core.windows.net/vhds?${SAS}`,
    `https://account.blob.core.windows.net/vhds/?restype=container&comp=list&${SAS}`,
    `https://account.blob.core.windows.net/vhds\\?${SAS.replaceAll('&', '\\&')}`,
    `https://ACCOUNT.blob.core.windows.net?${SAS}`,
    `https://account.blob.core.windows.net/?${SAS}`,
    `https://account.privatelink.blob.core.windows.net/?${SAS}`,
    `https://account-secondary.blob.core.windows.net/?${SAS}`,
    `SAS=${SAS}`,
    `sas: ?${SAS}`,
    `SAS token:\r\n${SAS}\r\n`,
    `# for the upload\n${SAS}`,
    `BlobEndpoint=https://account.blob.core.windows.net/?${SAS}`,
    `account.blob.core.windows.net/vhds?${SAS}`,
    `${URL}\r\n?${SAS}`,
    `${URL}\n${SAS}`,
    `Blob SAS token\n${SAS}\nBlob SAS URL\n${URL}?${SAS}`,
    `{"sas":"${SAS}"}`,
    `{\n  "accessSAS": "${URL}?${SAS.replaceAll('&', '\\u0026')}",\n  "securityDataAccessSAS": null\n}\n`,
    `export AZURE_STORAGE_SAS_TOKEN="${SAS}"`,
    `set SAS=${SAS}`,
    `set "SAS=${SAS.replaceAll('%', '%%')}"`,
    `$env:SAS = '${SAS.replaceAll('&', '`&')}'`,
    `[the disk](${URL}?${SAS})`,
    `[${URL}?${SAS}](${URL}?${SAS}).`,
    `(${URL}?${SAS})`,
    `<${URL}?${SAS}>.`,
    `See ${URL}?${SAS}, please.`,
    `${SAS};`,
  ])('reads %j', (text) => {
    expect(parseSas(text, address)).toBe(SAS);
  });

  it.each([
    ['', 'empty'],
    [' \n', 'empty'],
    ['""', 'empty'],
    [`${SAS}\n${OTHER}`, 'several SAS'],
    [`SharedAccessSignature=${SAS};SharedAccessSignature=${OTHER}`, 'several SAS'],
    [`{"accessSas": "${URL}?${SAS}", "securityDataAccessSas": "${URL}?${OTHER}"}`, 'several SAS'],
    [`{"accessSas": "https://other.blob.core.windows.net/vhds?${SAS}"}`, 'other.blob'],
    [`BlobEndpoint=https://other.blob.core.windows.net/?${SAS}`, 'other.blob'],
    [`other.blob.core.windows.net/vhds?${SAS}`, 'other.blob'],
    [`https://other.blob.core.windows.net/vhds\n${SAS}`, 'other.blob'],
    [`export SAS="${SAS.slice(0, -3)}"`, 'it has 43 characters and no = at the end. Copy the whole SAS again.'],
    [`https://account.blob.core.windows.net/vhds/folder/other.vhd?${SAS}`, 'other.vhd'],
    [`https://account.blob.core.windows.net/vhds/fold?${SAS}`, '/vhds/fold,'],
    [`https://other.blob.core.windows.net/vhds/folder/my%20disk.vhd?${SAS}`, 'other.blob'],
    [`[disk](https://other.blob.core.windows.net/vhds?${SAS})`, 'other.blob'],
    [`<https://other.blob.core.windows.net/vhds?${SAS}>.`, 'other.blob'],
    [`[${URL}?${SAS}](${URL}?${OTHER})`, 'several SAS'],
    [`http://account.blob.core.windows.net/?${SAS}`, 'http://account'],
    [`https://account.blob.core.windows.net/vhds&${SAS}`, 'but the destination is'],
    [`https://%/?${SAS}`, 'not a valid URL'],
  ])('refuses %j', (text, message) => {
    expect(refusalOf('', () => void parseSas(text, address))).toContain(message);
  });

  it('refuses a SAS for https only if the destination is http', () => {
    const { address: plain } = parseDestination('http://127.0.0.1:10000/devstoreaccount1/vhds/disk.vhd');
    expect(refusalOf('', () => void parseSas(sasWith({ spr: 'https' }), plain))).toContain('Use https://');
    expect(parseSas(sasWith({ spr: 'https,http' }), plain)).toContain('spr=https%2Chttp');
  });

  it('never shows the signature', () => {
    const around = fc.string({ maxLength: 30 });
    fc.assert(
      fc.property(around, around, (before, after) => {
        try {
          parseSas(`${before}sig=${SIGNATURE}${after}`, address);
        } catch (error) {
          expect(error).toBeInstanceOf(CredentialError);
          expect((error as Error).message).not.toContain(SIGNATURE);
        }
      }),
    );
  });
});

describe('isWithin', () => {
  it('treats the host names of one account as equal, and no others', () => {
    const url = 'https://account.blob.core.windows.net/vhds/disk.vhd';
    for (const place of [
      'https://account-secondary.blob.core.windows.net',
      'https://account-internetrouting.blob.core.windows.net',
      'https://account-secondary-dualstack.privatelink.blob.core.windows.net',
      'https://account.blob.core.windows.net/vhds/',
    ]) {
      expect(isWithin(url, place)).toBe(true);
    }
    for (const place of [
      'https://account.dfs.core.windows.net',
      'https://account-other.blob.core.windows.net',
      'https://account.blob.core.windows.net.example.com',
      '',
    ]) {
      expect(isWithin(url, place)).toBe(false);
    }
  });
});
