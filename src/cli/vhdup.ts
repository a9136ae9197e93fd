// The program: what bin/vhdup.js runs, built into one file.
import { guardOutput } from './guard-output.ts';
import { main } from './main.ts';
import { keepHeapSmall, youngGarbageCollector } from './small-heap.ts';

keepHeapSmall();
guardOutput(process.stdout);
guardOutput(process.stderr);
process.exitCode = await main(process.argv.slice(2), process.env, { collectGarbage: youngGarbageCollector() });
