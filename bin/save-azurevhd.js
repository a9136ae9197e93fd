#!/usr/bin/env node
process.argv.splice(2, 0, 'save-azurevhd');
await import('../dist/program/vhdup.js');
