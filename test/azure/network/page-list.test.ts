import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePageList } from '../../../src/azure/network/page-list.ts';

const SIZE = 1024 * 1024;
const XML = '<?xml version="1.0" encoding="utf-8"?>';
const range = (start: number | string, end: number | string) =>
  `<PageRange><Start>${start}</Start><End>${end}</End></PageRange>`;
const list = (...inner: readonly string[]) => `${XML}<PageList>${inner.join('')}</PageList>`;

describe('parsePageList', () => {
  it.each([
    list(),
    `${XML}<PageList/>`,
    `${XML}<PageList />`,
    list('<NextMarker/>'),
    list(range(0, 511)),
    list(range(0, 511), range(512, 1023), range(SIZE - 512, SIZE - 1), '<NextMarker />'),
    list(range(0, 511), '<NextMarker>2!84!MDAw</NextMarker>'),
    `\uFEFF${XML}\r\n<PageList>\r\n  ${range(0, 511)}\r\n  ${range(1024, 2047)}\r\n</PageList>\r\n`,
    `<PageList xmlns="x">${range(0, SIZE - 1)}</PageList>`,
  ])('accepts %s', (xml) => {
    expect(parsePageList(xml, SIZE)).not.toHaveProperty('problem');
  });

  it.each([
    ['', 'not a list of page ranges'],
    ['<html><body>Please sign in</body></html>', 'it starts with "<html>'],
    ['{"not":"xml"}', 'not a list of page ranges'],
    [`${XML}<PageList>`, 'cut off'],
    [`${XML}<PageList>${range(0, 511)}`, 'cut off'],
    [`${XML}<PageList><PageRange><Start>0</Start>`, '<PageRange><Start>0</Start>"'],
    [list('<PageRange></PageRange>'), 'not a list of page ranges: after '],
    [list('<PageRange/>'), 'not a list'],
    [list('<PageRange><Start>0</Start></PageRange>'), 'not a list'],
    [list(range(-512, 511)), 'not a list'],
    [list(range('abc', 511)), 'not a list'],
    [list(range('0', '1e9')), 'not a list'],
    [list(range(0, '9'.repeat(30))), 'not a list'],
    [list(range(0, 512)), 'not whole pages'],
    [list(range(1, 511)), 'not whole pages'],
    [list(range(1024, 511)), 'not whole pages'],
    [list(range(0, SIZE + 511)), `but the blob has ${SIZE} bytes`],
    [list(range(512, 1023), range(0, 511)), 'ascending order'],
    [list(range(0, 1023), range(512, 1535)), 'ascending order'],
    [list(range(0, 511), range(0, 511)), 'ascending order'],
    [list(range(0, 511), '<NextMarker>a</NextMarker><NextMarker>b</NextMarker>'), 'not a list'],
    [`<!DOCTYPE x [<!ENTITY a "b">]><PageList>${range(0, 511)}</PageList>`, 'not a list'],
    [list('\u001b[31m'), 'u{1b}'],
  ])('refuses %s', (xml, problem) => {
    const list = parsePageList(xml, SIZE);
    const found = 'problem' in list ? list.problem : '';
    expect(found).toContain(problem);
    expect(found).not.toMatch(/\p{Cc}/u);
  });

  it('returns every range, and where the list continues', () => {
    const ranges = fc
      .uniqueArray(fc.integer({ min: 0, max: SIZE / 512 - 1 }), { minLength: 1 })
      .map((pages) => pages.sort((a, b) => a - b).map((page) => ({ offset: page * 512, length: 512 })));
    fc.assert(
      fc.property(ranges, fc.stringMatching(/^[\w!=&<>"' ]*$/), (expected, marker) => {
        const written = expected.map(({ offset, length }) => range(offset, offset + length - 1));
        const next = `<NextMarker>${marker.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')}</NextMarker>`;
        expect(parsePageList(list(...written, next), SIZE)).toEqual({ ranges: expected, marker: marker || undefined });
      }),
    );
  });

  it('needs no size in the answer', () => {
    expect(parsePageList(list(range(0, SIZE + 511)), Number.POSITIVE_INFINITY)).not.toHaveProperty('problem');
    expect(parsePageList(list(range(0, 511)), Number.NaN)).not.toHaveProperty('problem');
  });

  it('refuses every truncated list', () => {
    const whole = list(range(0, 511), range(1024, 2047), '<NextMarker>m</NextMarker>');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
        expect(parsePageList(whole.slice(0, length), SIZE)).toHaveProperty('problem');
      }),
    );
  });
});
