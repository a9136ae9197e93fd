// Asks a question on the terminal.
import { createInterface } from 'node:readline/promises';
import { safeText } from './guard-output.ts';

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
  // Without its own line editor, the terminal sends Ctrl-C as a signal.
  const lines = createInterface({ input, output, terminal: false });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      lines.once('close', () => resolve(false));
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      lines.once('line', (answer) => resolve(/^\s*y(?:es)?\s*$/i.test(answer)));
      output.write(`${safeText(question)} [y/N] `);
    });
  } finally {
    lines.close();
  }
}
