// Kills the built program at random moments. The same command then runs again, until its work is complete.
import { type Outcome, startProgram } from './command-line.ts';

/** Of each case. Fifty take a quarter of an hour: VHDUP_TEST_KILLS=50. */
export const KILLS = Number(process.env['VHDUP_TEST_KILLS'] ?? 20);
if (!(KILLS > 0))
  throw new Error(`VHDUP_TEST_KILLS must be a number of kills, not ${process.env['VHDUP_TEST_KILLS']}.`);

const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Exit codes of a run that was not complete: of a process that a signal ended, and of one that stopped in an orderly way. */
const STOPPED: readonly (number | null)[] = [null, 130, 143, 129];

export interface KilledRun extends Outcome {
  /** Whether it was complete before the signal came. */
  readonly isComplete: boolean;
}

/**
 * Starts the program, and sends it one of the signals at `moment`, unless it has ended before.
 * @param moment - Called at the start.
 * @param isComplete - Whether a run that ended with this outcome, and not with 0, has found its work complete.
 * @throws {Error} it ended in another way.
 */
export async function runAndKill(
  args: readonly string[],
  random: () => number,
  moment: (running: AbortSignal) => Promise<unknown>,
  {
    environment = {},
    isComplete = () => false,
  }: { readonly environment?: NodeJS.ProcessEnv; readonly isComplete?: (outcome: Outcome) => boolean } = {},
): Promise<KilledRun> {
  const stop = new AbortController();
  const coming = moment(stop.signal);
  const { child, ended } = startProgram(args, environment);
  await Promise.race([coming, ended]);
  stop.abort();
  child.kill(SIGNALS[Math.floor(random() * SIGNALS.length)]);
  const outcome = await ended;
  if (outcome.exitCode === 0 || isComplete(outcome)) return { ...outcome, isComplete: true };
  if (STOPPED.includes(outcome.exitCode)) return { ...outcome, isComplete: false };
  throw new Error(`The program ended with the exit code ${outcome.exitCode}: ${outcome.stderr}`);
}
