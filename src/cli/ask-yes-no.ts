// Asks a question on the terminal.
import { safeText } from './guard-output.ts';
import { readLine } from './read-line.ts';

/**
 * @returns whether the answer was y or yes. The end of the input means no.
 * @throws the reason of `signal` on abort.
 */
export async function askYesNo(
  question: string,
  signal: AbortSignal,
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<boolean> {
  signal.throwIfAborted();
  output.write(`${safeText(question)} [y/N] `);
  return /^\s*y(?:es)?\s*$/i.test((await readLine(input, signal)) ?? '');
}
