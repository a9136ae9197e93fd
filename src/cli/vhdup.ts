// The program that bin/vhdup.js runs, built into one file.
import { start } from './start.ts';

await start(process.argv.slice(2));
