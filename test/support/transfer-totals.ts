// Totals of a running upload, for tests of progress displays.
import type { TransferTotals } from '../../src/events.ts';

const GIB = 1024 ** 3;

export function totalsOf(totals: Partial<TransferTotals> = {}): TransferTotals {
  return {
    planned: 10 * GIB,
    done: 4 * GIB,
    read: 4 * GIB,
    sent: 3 * GIB,
    sentBefore: 0,
    unallocated: 100 * GIB,
    zeros: GIB,
    requests: 1000,
    retries: 0,
    ...totals,
  };
}
