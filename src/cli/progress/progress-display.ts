// What shows progress: a bar on terminals, lines elsewhere.
import type { TransferTotals } from '../../events.ts';

export interface ProgressDisplay {
  /** Shows the totals, in place or from time to time. */
  show(totals: TransferTotals): void;
  /** Prints a line of its own. */
  log(line: string): void;
  stop(): void;
}
