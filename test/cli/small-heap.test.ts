import { getHeapSpaceStatistics } from 'node:v8';
import { expect, it } from 'vitest';
import { youngGarbageCollector } from '../../src/cli/small-heap.ts';

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_used_size ?? 0;
}

it('youngGarbageCollector collects recent garbage, and no other code can access the collector', () => {
  const collect = youngGarbageCollector();
  Array.from({ length: 1000 }, (_, index) => ({ index }));
  const before = youngBytes();
  collect();
  expect(youngBytes()).toBeLessThan(before);
  expect(globalThis).not.toHaveProperty('gc');
});
