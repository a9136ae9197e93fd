import { describe, expect, it } from 'vitest';
import { present } from '../../src/base/present.ts';

describe('present', () => {
  it('leaves out what is undefined or null, and nothing else', () => {
    expect(present({ a: undefined, b: null, c: 0, d: '', e: false })).toStrictEqual({ c: 0, d: '', e: false });
  });
});
