import { expect, it, onTestFinished, vi } from 'vitest';

it("small-heap exposes V8's collector to what receives data", async () => {
  vi.stubGlobal('gc', undefined);
  onTestFinished(() => {
    vi.unstubAllGlobals();
  });
  await import('../../src/cli/small-heap.ts');
  expect(globalThis.gc).toBeTypeOf('function');
  expect(globalThis.gc?.({ type: 'minor' })).toBeUndefined();
});
