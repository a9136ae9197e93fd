#!/usr/bin/env node
process.argv.splice(2, 0, 'add-azvhd');
await import('../dist/program/vhdup.js');
