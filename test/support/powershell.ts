// PowerShell, to run the programs as its users do.
import { execFile, spawnSync } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './command-line.ts';
import { temporaryFolder } from './vhd-fixtures.ts';

/** VHDUP_TEST_PWSH, or the one on the PATH. */
const PWSH = process.env['VHDUP_TEST_PWSH'] ?? 'pwsh';
const ARGUMENTS = ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command'];

/** Links stand for the programs that npm installs; on Windows those would be scripts. */
export const hasPowerShell = process.platform !== 'win32' && spawnSync(PWSH, [...ARGUMENTS, '1']).status === 0;

export const NO_POWERSHELL =
  'PowerShell is not installed. Put pwsh on the PATH, or name it in VHDUP_TEST_PWSH (dotnet tool install --tool-path DIR PowerShell)';

/**
 * Runs a script in which add-azurevhd and add-azvhd are the programs of dist/.
 * @returns the lines that it prints. @throws if the script fails.
 */
export async function powershell(script: string, variables: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const folder = await temporaryFolder();
  for (const name of ['add-azurevhd', 'add-azvhd']) await symlink(join(ROOT, `bin/${name}.js`), join(folder, name));
  const env = { ...process.env, ...variables, PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}` };
  const { stdout } = await promisify(execFile)(PWSH, [...ARGUMENTS, `$ErrorActionPreference = 'Stop'\n${script}`], {
    env,
  });
  return stdout.trim().split(/\r?\n/);
}
