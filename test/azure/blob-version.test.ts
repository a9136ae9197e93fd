import { describe, expect, it } from 'vitest';
import { splitVersion } from '../../src/azure/blob-version.ts';
import { parseDestination, shownUrl } from '../../src/azure/destination.ts';
import { UsageError } from '../../src/errors.ts';
import { sasWith } from '../support/sas-samples.ts';

const URL = 'https://account.blob.core.windows.net/vhds/disk.vhd';
const TIME = '2026-11-28T09:30:00.1234567Z';
const SAS = sasWith();

describe('splitVersion', () => {
  it.each([
    [`snapshot=${TIME}`, `snapshot=${TIME}`, ''],
    [`versionid=${TIME}`, `versionid=${TIME}`, ''],
    [`SNAPSHOT=${TIME}&${SAS}`, `snapshot=${TIME}`, SAS],
    [`${SAS}&snapshot=${encodeURIComponent(TIME)}`, `snapshot=${TIME}`, SAS],
    [`snapshot=${TIME}&amp;${SAS.replaceAll('&', '&amp;')}`, `snapshot=${TIME}`, SAS],
    [`snapshot=${TIME}?${SAS}`, `snapshot=${TIME}`, SAS],
  ])('finds it in %s', (query, version, rest) => {
    expect(splitVersion(query)).toEqual({ version, query: rest });
  });

  it.each(['', SAS, `snapshotted=${TIME}`])('leaves everything else alone: %s', (query) => {
    expect(splitVersion(query)).toEqual({ query });
  });

  it.each([
    ['snapshot=yesterday', 'not a time'],
    ['snapshot=', 'not a time'],
    ['versionid=1', 'Copy the URL of the version again'],
    [`snapshot=${TIME}&versionid=${TIME}`, 'more than one'],
  ])('refuses %s', (query, message) => {
    expect(() => splitVersion(query)).toThrow(UsageError);
    expect(() => splitVersion(query)).toThrow(message);
  });
});

describe('the URL of a snapshot', () => {
  it('is accepted by commands that only read, and shown with its time and without its SAS', () => {
    const { address, sas } = parseDestination(`${URL}?snapshot=${TIME}&${SAS}`, undefined, undefined, {
      mayBeVersion: true,
    });
    expect(address).toMatchObject({ url: URL, version: `snapshot=${TIME}`, blobName: 'disk.vhd' });
    expect(sas).toBe(SAS);
    expect(shownUrl(address)).toBe(`${URL}?snapshot=${TIME}`);
  });

  it('is refused by those that write', () => {
    expect(() => parseDestination(`${URL}?snapshot=${TIME}&${SAS}`)).toThrow('is a snapshot of a blob');
  });
});

describe('a SAS in the place of a URL', () => {
  it.each([SAS, `?${SAS}`, `"?${SAS}"`, SAS.slice(SAS.indexOf('sig=')), `&${SAS.replaceAll('&', '&amp;')}`])(
    'is never repeated: %s',
    (text) => {
      const signature = new URLSearchParams(SAS).get('sig') ?? '';
      expect(() => parseDestination(text)).toThrow(/^A SAS is given where the URL of a blob is expected\. /);
      expect(() => parseDestination(text)).not.toThrow(signature.slice(0, 12));
    },
  );
});
