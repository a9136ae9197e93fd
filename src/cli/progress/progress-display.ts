// The interface of progress displays: a bar on terminals, lines elsewhere.
import type { TransferTotals } from '../../events.ts';

export interface ProgressDisplay {
  /** Shows the totals: a bar at once, lines from time to time. */
  show(totals: TransferTotals): void;
  /** Prints a separate line. */
  log(line: string): void;
  stop(): void;
}
