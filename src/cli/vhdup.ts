// The program that bin/vhdup.js runs, built into one file.
import { guardOutput } from './guard-output.ts';
import { main } from './main.ts';
import { screenOf } from './screens/screen.ts';
import { keepHeapSmall, youngGarbageCollector } from './small-heap.ts';

keepHeapSmall();
for (const stream of [process.stdout, process.stderr]) guardOutput(stream, screenOf(process.env, stream));
process.exitCode = await main(process.argv.slice(2), process.env, { collectGarbage: youngGarbageCollector() });
