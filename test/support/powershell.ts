// PowerShell, to run the programs as its users do.
import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { ROOT } from './command-line.ts';
import { temporaryFolder } from './vhd-fixtures.ts';

/** VHDUP_TEST_PWSH, or the one on the PATH. */
const PWSH = process.env['VHDUP_TEST_PWSH'] ?? 'pwsh';
const ARGUMENTS = ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command'];

/** Links stand for the programs that npm installs; on Windows those would be scripts. */
export const hasPowerShell = process.platform !== 'win32' && spawnSync(PWSH, [...ARGUMENTS, '1']).status === 0;

export const NO_POWERSHELL =
  'PowerShell is not installed. Put pwsh on the PATH, or name it in VHDUP_TEST_PWSH (dotnet tool install --tool-path DIR PowerShell)';

/** The folder of the module that the build writes. */
export const MODULE_FOLDER = join(ROOT, 'dist/powershell/Vhdup');

/**
 * Runs a script in which vhdup, add-azurevhd and add-azvhd are the programs of dist/.
 * @returns the lines that it prints. @throws if the script fails.
 */
export function powershell(script: string, variables: Readonly<Record<string, string>> = {}): Promise<string[]> {
  return run(script, variables, ['vhdup', 'add-azurevhd', 'add-azvhd']);
}

async function run(script: string, variables: Readonly<Record<string, string>>, programs: readonly string[]) {
  const { stdout } = await promisify(execFile)(PWSH, [...ARGUMENTS, `$ErrorActionPreference = 'Stop'\n${script}`], {
    env: await powershellEnvironment(variables, programs),
  });
  return stdout.trim().split(/\r?\n/);
}

/** Starts a script with the module loaded, which is stopped meanwhile. The test ends it. */
export async function startPowershell(script: string, variables: Readonly<Record<string, string>> = {}) {
  const child = spawn(PWSH, [...ARGUMENTS, `$PID\nImport-Module '${MODULE_FOLDER}'\n${script}`], {
    env: await powershellEnvironment(variables, ['vhdup']),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const started = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        // The id may arrive in pieces.
        if (output.includes('\n')) resolve();
      });
    }
  });
  const ended = new Promise<string>((resolve) => child.once('close', () => resolve(output)));
  await Promise.race([started, ended]);
  // The tool of dotnet is another program, which starts PowerShell.
  const id = Number.parseInt(output, 10);
  const kill = (signal: NodeJS.Signals) => {
    if (child.exitCode === null) process.kill(id, signal);
  };
  onTestFinished(() => kill('SIGKILL'));
  return { kill, ended };
}

/** Links to the programs are the first on the PATH. */
async function powershellEnvironment(
  variables: Readonly<Record<string, string>>,
  programs: readonly string[],
  given?: string,
) {
  const folder = given ?? (await temporaryFolder());
  for (const name of programs) await symlink(join(ROOT, `bin/${name}.js`), join(folder, name));
  return { ...process.env, NO_COLOR: '1', ...variables, PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}` };
}

const SESSION = `
$before = @{ PATH = $env:PATH; PSModulePath = $env:PSModulePath }
while ($null -ne ($line = [Console]::In.ReadLine())) {
  $request = ConvertFrom-Json $line
  foreach ($name in $before.Keys) { Set-Item -LiteralPath "Env:$name" $before[$name] }
  foreach ($variable in $request.variables.PSObject.Properties) { Set-Item -LiteralPath "Env:$($variable.Name)" $variable.Value }
  Set-Location -LiteralPath $env:HOME
  $answer = @{}
  try { $answer.value = & ([scriptblock]::Create($request.script)) } catch { $answer.thrown = "$_ $($_.ScriptStackTrace)" }
  [Console]::Out.WriteLine((ConvertTo-Json -InputObject $answer -Depth 6 -Compress -EscapeHandling EscapeNonAscii))
}`;

/** One PowerShell for all tests of a file, with the module loaded: it takes seconds to start. */
export class PowershellSession {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #folder: string;

  private constructor(child: ChildProcessWithoutNullStreams, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    child.stderr.pipe(process.stderr);
  }

  static async start(): Promise<PowershellSession> {
    const script = `$ErrorActionPreference = 'Stop'\nImport-Module '${MODULE_FOLDER}'\n${SESSION}`;
    const folder = await mkdtemp(join(tmpdir(), 'vhdup-powershell-'));
    const env = await powershellEnvironment({}, ['vhdup'], folder);
    return new PowershellSession(spawn(PWSH, [...ARGUMENTS, script], { env, stdio: 'pipe' }), folder);
  }

  /**
   * @param script - Runs in a scope of its own, in the home folder.
   * @returns its output. @throws if the script does.
   */
  // biome-ignore lint/suspicious/noExplicitAny: The tests compare it with what they expect.
  async run(script: string, variables: Readonly<Record<string, string>> = {}): Promise<any> {
    const request = JSON.stringify({ script, variables });
    this.#child.stdin.write(`${request.replace(/[\u0080-\uffff]/g, escaped)}\n`);
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true) throw new Error('PowerShell has ended.');
      // What the host prints, such as that of -WhatIf, is no answer.
      if (!value.startsWith('{')) continue;
      const answer = JSON.parse(value);
      if (answer.thrown !== undefined) throw new Error(answer.thrown);
      return answer.value;
    }
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
