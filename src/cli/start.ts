// Runs the program in this process, and sets its exit code.
import { guardOutput } from './guard-output.ts';
import { main } from './main.ts';
import { screenOf } from './screens/screen.ts';
import { keepHeapSmall, youngGarbageCollector } from './small-heap.ts';

/** Node's code for a program that ends before its work has: the code until the work has ended. */
const ENDED_TOO_EARLY = 13;

/** @param args - Without the paths of node and of the script. */
export async function start(args: readonly string[]): Promise<void> {
  keepHeapSmall();
  for (const stream of [process.stdout, process.stderr]) guardOutput(stream, screenOf(process.env, stream));
  process.exitCode = ENDED_TOO_EARLY;
  process.exitCode = await main(args, process.env, { collectGarbage: youngGarbageCollector() });
}
