// Damaged hives: whatever is in them, reading ends with values or with a reason, after a limited number of reads.
import { describe, expect, it } from 'vitest';
import { attackHive } from '../../hostile/hive-cases.ts';

describe('a damaged hive', () => {
  it('is read, or refused with a reason', async () => {
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= 300; seed++) {
      const { outcome } = await attackHive(seed).catch((error) => {
        throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
      });
      const kind = outcome.split(/[:,]/, 1)[0] ?? '';
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(['read', 'refused']);
  });
});
