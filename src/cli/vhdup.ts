// The program: what bin/vhdup.js runs, built into one file.
import './small-heap.ts';
import { guardOutput } from './guard-output.ts';
import { main } from './main.ts';

guardOutput(process.stdout);
guardOutput(process.stderr);
process.exitCode = await main(process.argv.slice(2), process.env);
