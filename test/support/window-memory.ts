import { onTestFinished } from 'vitest';
import type { ChecksumAlgorithm } from '../../src/base/page-run.ts';
import { WindowMemory } from '../../src/transfer/window-memory.ts';

/** Window memory that is closed when the test ends. */
export function memoryFor(algorithm: ChecksumAlgorithm, slowReadMs?: number): WindowMemory {
  const memory = new WindowMemory(algorithm, slowReadMs);
  onTestFinished(() => memory.close());
  return memory;
}
