import { onTestFinished } from 'vitest';
import type { ChecksumAlgorithm } from '../../src/base/page-run.ts';
import { WindowMemory } from '../../src/transfer/window-memory.ts';

/** Memory that is closed when the test has ended. */
export function memoryFor(algorithm: ChecksumAlgorithm, slowReadMs?: number): WindowMemory {
  const memory = new WindowMemory(algorithm, slowReadMs);
  onTestFinished(() => memory.close());
  return memory;
}
