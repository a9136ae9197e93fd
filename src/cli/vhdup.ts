// The program: what bin/vhdup.js runs, built into one file.
import './small-heap.ts';
import { guardOutput } from './guard-output.ts';
import { main } from './main.ts';
import { screenOf } from './screens/screen.ts';

for (const stream of [process.stdout, process.stderr]) guardOutput(stream, screenOf(process.env, stream));
process.exitCode = await main(process.argv.slice(2), process.env);
