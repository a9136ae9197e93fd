// The commands of vhdup, in the order of the help. A new command needs one file in commands/ and one line here.
import { abortCommand } from './commands/abort.ts';
import { checkCommand } from './commands/check.ts';
import { completionCommand } from './commands/completion.ts';
import { convertCommand } from './commands/convert.ts';
import { diskAbortCommand } from './commands/disk-abort.ts';
import { diskStatusCommand } from './commands/disk-status.ts';
import { downloadCommand } from './commands/download.ts';
import { imageCreateCommand } from './commands/image-create.ts';
import { imageStatusCommand } from './commands/image-status.ts';
import { inspectCommand } from './commands/inspect.ts';
import { listCommand } from './commands/list.ts';
import { powershellCommand } from './commands/powershell.ts';
import { reportCommand } from './commands/report.ts';
import { sasCommand } from './commands/sas.ts';
import { uploadCommand } from './commands/upload.ts';
import { verifyCommand } from './commands/verify.ts';
import { versionCommand } from './commands/version.ts';
import { type Command, type CommandGroup, groupCommands } from './define-command.ts';
import { CMDLETS } from './powershell/cmdlets.ts';

/** What the help of the program lists. */
export const TOP_LEVEL: readonly (Command | CommandGroup)[] = [
  uploadCommand,
  downloadCommand,
  listCommand,
  abortCommand,
  verifyCommand,
  reportCommand,
  convertCommand,
  checkCommand,
  inspectCommand,
  sasCommand,
  groupCommands('disk', 'Show or abort the upload to a managed disk', [diskStatusCommand, diskAbortCommand]),
  groupCommands('image', 'Create an image of a disk, or show it', [imageCreateCommand, imageStatusCommand]),
  completionCommand,
  powershellCommand,
  versionCommand,
];

export const COMMANDS: readonly Command[] = TOP_LEVEL.flatMap((one) => ('commands' in one ? one.commands : [one]));

/** The first words of all command lines. */
export const TOP_LEVEL_WORDS: readonly string[] = [
  ...new Set([...COMMANDS, ...CMDLETS].map(({ name }) => name.replace(/ .*$/, ''))),
];
