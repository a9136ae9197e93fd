// PowerShell, to run the programs as its users do.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { ROOT } from './command-line.ts';

/** VHDUP_TEST_PWSH, or the one on the PATH. */
const PWSH = process.env['VHDUP_TEST_PWSH'] ?? 'pwsh';

export const hasPowerShell = spawnSync(PWSH, ['-NoLogo', '-NoProfile', '-Command', '1']).status === 0;

export const NO_POWERSHELL =
  'PowerShell is not installed. Put pwsh on the PATH, or name it in VHDUP_TEST_PWSH (dotnet tool install --tool-path DIR PowerShell)';

/**
 * Runs a script in which add-azurevhd and add-azvhd are the programs of dist/.
 * @returns the standard output. @throws if the script fails.
 */
export async function powershell(script: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const programs = ['add-azurevhd', 'add-azvhd'].map(
    (name) => `function ${name} { & '${process.execPath}' '${ROOT}/bin/${name}.js' @args }`,
  );
  const whole = ["$ErrorActionPreference = 'Stop'", ...programs, script].join('\n');
  const args = ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', whole];
  const { stdout } = await promisify(execFile)(PWSH, args, { env: { ...process.env, ...variables } });
  return stdout;
}
