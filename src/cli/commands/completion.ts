// vhdup completion [shell]
import { posix } from 'node:path';
import { UsageError } from '../../errors.ts';
import { completionScript, SHELLS, type Shell } from '../completion/shell-scripts.ts';
import { defineCommand } from '../define-command.ts';

export const completionCommand = defineCommand({
  name: 'completion',
  describe: 'Print the script that completes commands, options and their values in a shell',
  positionals: {
    shell: { choices: SHELLS, describe: 'Shell  [that of SHELL, or powershell on Windows]' },
  },
  options: {},
  examples: ['completion bash', 'completion powershell'],
  epilog: 'The first lines of the script say where to put it.',
  run: ({ shell: given }, { environment, execute }) => {
    const shell = given ?? shellOf(environment, process.platform);
    if (shell === undefined) {
      throw new UsageError(`vhdup cannot detect your shell. Name it: vhdup completion ${SHELLS.join('|')}.`);
    }
    return execute({
      run: () => Promise.resolve({ shell, script: completionScript(shell) }),
      describe: ({ script }) => script,
    });
  },
});

/** SHELL is the login shell, and on Windows only set by shells from elsewhere. */
export function shellOf(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): Shell | undefined {
  const name = posix.basename(environment['SHELL'] ?? '');
  const shell = SHELLS.find((one) => one === name.replace(/\.exe$/, ''));
  return shell ?? (name === 'pwsh' || platform === 'win32' ? 'powershell' : undefined);
}
