// The program that the executables run. It is CommonJS when it is built, which has no await outside of functions.
import { namedArguments } from './named-arguments.ts';
import { start } from './start.ts';

// Node repeats the path of the executable where the path of the script would be.
void start(namedArguments(process.argv.slice(2), [process.argv0, process.execPath]));
