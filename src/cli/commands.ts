// The commands of vhdup, in the order of the help. A new command needs one file in commands/ and one line here.
import { checkCommand } from './commands/check.ts';
import { convertCommand } from './commands/convert.ts';
import { inspectCommand } from './commands/inspect.ts';
import { uploadCommand } from './commands/upload.ts';
import { verifyCommand } from './commands/verify.ts';
import type { Command } from './define-command.ts';

export const COMMANDS: readonly Command[] = [
  uploadCommand,
  verifyCommand,
  convertCommand,
  checkCommand,
  inspectCommand,
];
