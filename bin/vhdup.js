#!/usr/bin/env node
import { guardOutput } from '../dist/cli/guard-output.js';
import { main } from '../dist/cli/main.js';

guardOutput(process.stdout);
guardOutput(process.stderr);
process.exitCode = await main(process.argv.slice(2), process.env);
