import { describe, expect, it } from 'vitest';
import { candidatesFor, completionLines } from '../../../src/cli/completion/complete.ts';
import { main } from '../../../src/cli/main.ts';
import { captureOutput } from '../../support/captured-output.ts';

function valuesFor(...words: string[]): string[] {
  return candidatesFor(words).map(({ value }) => value);
}

describe('the words that a shell can put', () => {
  it('are the commands at first', () => {
    const all = valuesFor('vhdup', '');
    expect(all).toEqual(expect.arrayContaining(['upload', 'check', 'disk', 'image', 'completion', 'add-azurevhd']));
    expect(all.filter((word) => word.startsWith('-') || word.includes(' '))).toEqual([]);
    expect(valuesFor('vhdup', 'up')).toEqual(['upload']);
    expect(valuesFor('vhdup', '--')).toEqual(['--help', '--version']);
    expect(valuesFor('/usr/local/bin/vhdup', 'in')).toEqual(['inspect']);
  });

  it('are the commands of a group', () => {
    expect(valuesFor('vhdup', 'disk', '')).toEqual(['status', 'abort']);
    expect(valuesFor('vhdup', 'image', 'c')).toEqual(['create']);
    expect(valuesFor('vhdup', 'disk', 'status', '--sub')).toEqual(['--subscription']);
  });

  it('are the options of the command that are not given yet', () => {
    expect(valuesFor('vhdup', 'upload', '--dry')).toEqual(['--dry-run']);
    expect(valuesFor('vhdup', 'upload', 'a.vhd', '-n', '--dry')).toEqual([]);
    expect(valuesFor('vhdup', 'upload', '-m', 'a=b', '--meta')).toEqual(['--metadata']);
    expect(valuesFor('vhdup', 'list', '--max')).toEqual([]);
    expect(valuesFor('vhdup', 'upload', '--no')).toEqual(['--no-progress']);
    expect(valuesFor('vhdup', 'upload', '--he')).toEqual(['--help']);
  });

  it('are the choices of an option', () => {
    expect(valuesFor('vhdup', 'upload', '--verify', '')).toEqual(['none', 'ranges', 'full']);
    expect(valuesFor('vhdup', 'upload', '--verify', 'f')).toEqual(['full']);
    expect(valuesFor('vhdup', 'upload', '--verify=')).toEqual(['--verify=none', '--verify=ranges', '--verify=full']);
    expect(valuesFor('vhdup', 'upload', '--verify=r')).toEqual(['--verify=ranges']);
    // bash cuts such a word at the sign.
    expect(valuesFor('vhdup', 'upload', '--verify', '=')).toEqual(['none', 'ranges', 'full']);
    expect(valuesFor('vhdup', 'upload', '--verify', '=', 'f')).toEqual(['full']);
  });

  it('are the choices of an argument', () => {
    expect(valuesFor('vhdup', 'completion', '')).toEqual(['bash', 'zsh', 'fish', 'powershell']);
    expect(valuesFor('vhdup', 'completion', '-q', 'z')).toEqual(['zsh']);
    expect(valuesFor('vhdup', 'completion', 'zsh', '')).toEqual([]);
  });

  it('are files where there is nothing else', () => {
    expect(valuesFor('vhdup', 'upload', '')).toEqual([]);
    expect(valuesFor('vhdup', 'upload', 'di')).toEqual([]);
    expect(valuesFor('vhdup', 'upload', '--log-file', '')).toEqual([]);
    expect(valuesFor('vhdup', 'upload', '--', '-')).toEqual([]);
    expect(valuesFor('vhdup', 'sideload', '--')).toEqual([]);
  });

  it.each([
    ['the program', ['add-azurevhd']],
    ['the program on Windows', ['C:\\tools\\add-azurevhd.cmd']],
    ['the command', ['vhdup', 'add-azurevhd']],
  ])('are the parameters of a cmdlet, by %s', (_, before) => {
    expect(valuesFor(...before, '-Dest')).toEqual(['-Destination']);
    expect(valuesFor(...before, '-dest')).toEqual(['-Destination']);
    expect(valuesFor(...before, '-OverWrite', '-What')).toEqual(['-WhatIf']);
    expect(valuesFor(...before, '-ProgressAction', 'Si')).toEqual(['SilentlyContinue']);
    expect(valuesFor(...before, '-LocalFilePath', '')).toEqual([]);
  });

  it('start with what was typed, whatever the shell does with empty words', () => {
    expect(valuesFor('vhdup', "''")).toEqual(valuesFor('vhdup', ''));
    expect(valuesFor('vhdup', 'upload', '--verify', '""')).toEqual(['none', 'ranges', 'full']);
    expect(valuesFor()).toEqual(valuesFor('vhdup', ''));
  });

  it('have a description of one line, without defaults', () => {
    const lines = completionLines(['vhdup', 'upload', '--max']);
    expect(lines).toMatch(/^--max-rate\tLimit of the upload rate, such as [^\n[]+\n$/);
  });
});

describe('--get-yargs-completions', () => {
  it.each([
    [['--get-yargs-completions', 'vhdup', 'upload', '--dry']],
    // The programs of the cmdlets put their name in front.
    [['add-azurevhd', '--get-yargs-completions', 'vhdup', 'upload', '--dry']],
  ])('prints the candidates, a line each: %j', async (args) => {
    const written = captureOutput();
    expect(await main(args, {})).toBe(0);
    expect(written).toEqual({ out: expect.stringMatching(/^--dry-run\tShow what .*\n$/), err: '' });
  });
});
