// The completion scripts in real shells: what each would put for the word at the cursor.
import { execFile, spawnSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../support/command-line.ts';
import { hasPowerShell, NO_POWERSHELL, powershell } from '../../support/powershell.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const run = promisify(execFile);

function hasShell(name: string): boolean {
  return spawnSync(name, ['--version']).status === 0;
}

/** With vhdup in the PATH, and a folder with one image and two other files. */
let folder: string;
let environment: NodeJS.ProcessEnv;

beforeEach(async () => {
  folder = await temporaryFolder();
  const programs = await temporaryFolder();
  const program = join(programs, 'vhdup');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin/vhdup.js')}' "$@"\n`);
  await chmod(program, 0o755);
  for (const name of ['disk one.vhd', 'sas.txt', 'upload']) await writeFile(join(folder, name), '');
  environment = {
    ...{ PATH: `${programs}${delimiter}${process.env['PATH'] ?? ''}`, HOME: folder, TERM: 'dumb' },
    LANG: 'C.UTF-8',
  };
});

/** What all shells must find: the words of a line, and what fits at its end. */
const LINES: readonly (readonly [line: string, words: readonly string[]])[] = [
  ['vhdup up', ['upload']],
  ['vhdup disk ', ['status', 'abort']],
  ['vhdup upload disk.vhd --dry', ['--dry-run']],
  ['vhdup upload disk.vhd --verify ', ['none', 'ranges', 'full']],
  ['vhdup completion p', ['powershell']],
  ['add-azurevhd -LocalF', ['-LocalFilePath']],
];
const TYPED = LINES.map(([line]) => line);
const FOUND = LINES.map(([line, words]) => `${line}: ${[...words].sort().join(' ')}`);

/** Between the answers for two lines. */
const END = '--- end of line ---';

/** One shell completes all lines: its start takes most of the time. @returns "line: words" for each. */
async function foundBy(program: string, args: readonly string[], lines: readonly string[]): Promise<string[]> {
  const { stdout } = await run(program, [...args, ...lines], { cwd: folder, env: environment });
  return answersIn(stdout, lines);
}

function answersIn(output: string, lines: readonly string[]): string[] {
  const answers = output.split(END).map((answer) => answer.split(/[\r\n]+/).filter((word) => word !== ''));
  return lines.map((line, index) => `${line}: ${(answers[index] ?? []).sort().join(' ')}`);
}

describe('bash', () => {
  /** Calls the function that the script has registered, as bash does. */
  const script = `source <(vhdup completion bash)
    for line; do
      read -ra COMP_WORDS <<< "$line"
      [[ $line == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _vhdup
      printf '%s\\n' "\${COMPREPLY[@]}" '${END}'
    done
    complete -p vhdup add-azurevhd`;

  it('completes words, and leaves the rest to its completion of files', async (context) => {
    context.skip(!hasShell('bash'), 'bash is not installed');
    const lines = [...TYPED, 'vhdup upload ', 'vhdup disk', 'vhdup s'];
    expect(await foundBy('bash', ['--norc', '-c', script, 'bash'], lines)).toEqual([
      ...FOUND,
      'vhdup upload : ',
      'vhdup disk: disk disk one.vhd',
      'vhdup s: sas save-azurevhd save-azvhd',
    ]);
    const { stdout } = await run('bash', ['--norc', '-c', script], { env: environment });
    expect(stdout).toBe('complete -o default -F _vhdup vhdup\ncomplete -o default -F _vhdup add-azurevhd\n');
  });
});

describe('zsh', () => {
  /** `_describe` and `_files` are replaced: zsh has them only while a person edits a line. */
  const script = `compdef() { :; }
    source <(vhdup completion zsh)
    _describe() { local name=$2; print -rl -- \${\${(P)name}%%:*} }
    _files() {
      setopt localoptions extendedglob nullglob
      (( $# )) || { print files; return }
      local -a found=(\${~2})
      print -rl -- \${(M)found:#\${words[CURRENT]}*}
    }
    for line; do
      words=(\${(z)line})
      [[ $line == *' ' ]] && words+=('')
      CURRENT=$#words
      _vhdup
      print -r -- '${END}'
    done`;

  it('completes words and files', async (context) => {
    context.skip(!hasShell('zsh'), 'zsh is not installed');
    const lines = [...TYPED, 'vhdup upload ', 'vhdup disk'];
    expect(await foundBy('zsh', ['-f', '-c', script, 'zsh'], lines)).toEqual([
      ...FOUND,
      'vhdup upload : files',
      'vhdup disk: disk disk one.vhd',
    ]);
  });
});

describe('fish', () => {
  const script = `vhdup completion fish | source
    for line in $argv
      complete -C $line | string replace -r '\\t.*' ''
      echo '${END}'
    end`;

  it('completes words and files, and puts no files between the commands', async (context) => {
    context.skip(!hasShell('fish'), 'fish is not installed');
    const lines = [...TYPED, 'vhdup upload sa', 'vhdup uploa', 'vhdup disk'];
    expect(await foundBy('fish', ['--no-config', '-c', script], lines)).toEqual([
      ...FOUND,
      'vhdup upload sa: sas.txt',
      'vhdup uploa: upload',
      'vhdup disk: disk disk one.vhd',
    ]);
  });
});

describe('PowerShell', () => {
  it('completes words and files', async (context) => {
    context.skip(!hasPowerShell, NO_POWERSHELL);
    for (const name of ['image [1].vhdx', 'one[2].vhd']) await writeFile(join(folder, name), '');
    const lines = [...TYPED, 'vhdup upload sa', 'vhdup di', 'vhdup im', 'vhdup "one'];
    const script = `Set-Location '${folder}'
      vhdup completion powershell | Out-String | Invoke-Expression
      foreach ($line in ${lines.map((line) => `'${line}'`).join(', ')}) {
        (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches | ForEach-Object CompletionText
        '${END}'
      }`;
    const answers = answersIn((await powershell(script)).join('\n'), lines);
    expect(answers.map((answer) => answer.replace(/: .*[\\/](?=sas\.txt$)/, ': '))).toEqual([
      ...FOUND,
      'vhdup upload sa: sas.txt',
      // Quoted for the shell.
      expect.stringMatching(/^vhdup di: '.*disk one\.vhd' disk$/),
      // Backticks would be a part of the name.
      expect.stringMatching(/^vhdup im: '[^`]*image \[1\]\.vhdx' image$/),
      expect.stringMatching(/^vhdup "one: "[^`]*one\[2\]\.vhd"$/),
    ]);
  });
});
