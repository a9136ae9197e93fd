import { expect, it } from 'vitest';
import { withoutSecret, withoutSignature } from '../../../src/cli/guided/url-echo.ts';
import { SIGNATURE, sasWith } from '../../support/sas-samples.ts';

const URL_OF_BLOB = 'https://acc.blob.core.windows.net/vhds/disk.vhd';
const HIDDEN = '?[not shown]';

it.each([
  ['', ''],
  ['vhds/disk.vhd', 'vhds/disk.vhd'],
  [URL_OF_BLOB, URL_OF_BLOB],
  [`${URL_OF_BLOB}?`, URL_OF_BLOB + HIDDEN],
  [`${URL_OF_BLOB}?${sasWith()}`, URL_OF_BLOB + HIDDEN],
  [`"${URL_OF_BLOB}?${sasWith()}"`, `"${URL_OF_BLOB}${HIDDEN}`],
  [`${URL_OF_BLOB}%3F${sasWith()}`, URL_OF_BLOB + HIDDEN],
  [`${URL_OF_BLOB}&${sasWith()}`, URL_OF_BLOB + HIDDEN],
  [`${URL_OF_BLOB}%%3F${sasWith()}`, URL_OF_BLOB + HIDDEN],
  [`${URL_OF_BLOB}\\u003f${sasWith()}`, URL_OF_BLOB + HIDDEN],
  [`${URL_OF_BLOB}^&${sasWith()}`, URL_OF_BLOB + HIDDEN],
])('of %j it shows %j', (text, shown) => {
  expect(withoutSecret(text)).toBe(shown);
});

it('shows nothing of a SAS alone, while each of its characters is typed', () => {
  for (const sas of [sasWith(), `?${sasWith()}`, `sig=${SIGNATURE}`]) {
    for (let length = 1; length <= sas.length; length++) {
      const shown = withoutSecret(sas.slice(0, length)).replace(HIDDEN, '');
      // The name of the first field, and no value.
      expect(shown.length).toBeLessThanOrEqual(sas.indexOf('=') + 1);
      expect(sas.slice(0, sas.indexOf('=') + 1)).toContain(shown);
    }
  }
});

it.each(['=', '%3D', '%253D', '%%3D', '\\u003d', '&#61;', '&#x3D;', '&equals;', '\\=', '^=', '`='])(
  'a question for something else shows no signature behind %s',
  (equals) => {
    expect(withoutSignature(`"sp${equals}rw&sig${equals}${SIGNATURE}`)).toBe(`"sp${equals}rw${HIDDEN}`);
  },
);
