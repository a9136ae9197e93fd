import { describe, expect, it } from 'vitest';
import { PALETTE } from '../../../src/report/page/style.ts';

/** Source: WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [bright = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dark + 0.05);
}

describe.each([
  ['light', 0],
  ['dark', 1],
] as const)('in %s', (_, index) => {
  it.each(['text', 'muted', 'good', 'open', 'stopped', 'bad'] as const)(
    'text in %s can be read on both grounds',
    (name) => {
      for (const ground of ['page', 'raised'] as const) {
        expect(contrast(PALETTE[name][index], PALETTE[ground][index]), ground).toBeGreaterThanOrEqual(4.5);
      }
    },
  );

  it('the shares of the disk differ from one another in brightness, for those who see no colours and for grey paper', () => {
    for (const [one, other] of [
      ['much', 'some'],
      ['some', 'little'],
      ['much', 'zero'],
      ['much', 'none'],
      ['zero', 'none'],
    ] as const) {
      expect(contrast(PALETTE[one][index], PALETTE[other][index]), `${one} ${other}`).toBeGreaterThanOrEqual(1.4);
    }
    expect(contrast(PALETTE.wrong[index], PALETTE.page[index])).toBeGreaterThanOrEqual(3);
  });
});
