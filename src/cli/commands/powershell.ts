// vhdup powershell
import { isExecutable } from '../../base/embedded.ts';
import { defineCommand } from '../define-command.ts';
import { profileText } from '../powershell/module/module-text.ts';

export const powershellCommand = defineCommand({
  name: 'powershell',
  describe: 'Print the functions Add-VhdupVhd and others, and the completion, for a profile of PowerShell',
  positionals: {},
  options: {},
  examples: ['powershell | Out-String | Invoke-Expression'],
  epilog: 'In PowerShell, Get-Help Add-VhdupVhd then shows more. The first lines of the script say where to put it.',
  run: (_, { execute }) =>
    execute({
      run: () => Promise.resolve({ script: profileText(thisProgram(process)) }),
      describe: ({ script }) => script,
    }),
});

/** The program and its first arguments. */
function thisProgram({ execPath, argv: [, script] }: NodeJS.Process): string[] {
  return isExecutable() || script === undefined ? [execPath] : [execPath, script];
}
