import { describe, expect, it } from 'vitest';
import { assertSasAllows, readSas } from '../../src/azure/sas.ts';
import { CredentialError } from '../../src/errors.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const SIGNATURE = 'c2VjcmV0c2VjcmV0';

function refusalOf(sas: string): string {
  try {
    assertSasAllows(sas, 'rw', NOW);
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

  it('reads nothing off a SAS of a stored access policy', () => {
    expect(readSas(`si=policy&sr=b&sig=${SIGNATURE}`)).toEqual({});
  });

  it('takes a time that is none for absent', () => {
    expect(readSas('se=never')).toEqual({});
  });
});

describe('assertSasAllows', () => {
  it.each([
    ['exactly what is needed', `sp=rw&se=2026-03-01T12:00:01Z&sig=${SIGNATURE}`],
    ['more, in any order', `sp=wdacr&sig=${SIGNATURE}`],
    ['a stored access policy, which shows nothing', `si=policy&sig=${SIGNATURE}`],
    ['a question mark before it', `?sp=rw&sig=${SIGNATURE}`],
  ])('takes a SAS with %s', (_, sas) => {
    expect(() => assertSasAllows(sas, 'rw', NOW)).not.toThrow();
  });

  it.each([
    ['w', 'missing r'],
    ['r', 'missing w'],
    ['cd', 'missing r, w'],
    ['', 'it has none'],
  ])('refuses one that allows "%s", and names what is missing', (permissions, message) => {
    expect(refusalOf(`sp=${permissions}&sig=${SIGNATURE}`)).toContain(message);
  });

  it.each(['2026-03-01T12:00:00Z', '2026-03-01', '2020-01-01T00:00Z'])('refuses one that expired at %s', (time) => {
    expect(refusalOf(`sp=rw&se=${time}&sig=${SIGNATURE}`)).toContain(`expired at ${new Date(time).toISOString()}`);
  });

  it.each(['sp=rw&se=2030-01-01', 'sp=rw', '', `sp=rw&amp;sig=${SIGNATURE}`])(
    'refuses one whose signature is missing: %s',
    (sas) => {
      expect(refusalOf(sas)).toContain('no signature');
    },
  );
});
