import { describe, expect, it } from 'vitest';
import '../../src/cli/small-heap.ts';

describe('small-heap', () => {
  it("exposes V8's collector to what receives data", () => {
    expect(globalThis.gc).toBeTypeOf('function');
    expect(globalThis.gc?.({ type: 'minor' })).toBeUndefined();
  });
});
