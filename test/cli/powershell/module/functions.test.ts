// The tables of the module, and the texts that are made from them. The code itself is tested in PowerShell.
import { describe, expect, it } from 'vitest';
import { functionText } from '../../../../src/cli/powershell/module/function-text.ts';
import { MODULE_FUNCTIONS, type ModuleFunction } from '../../../../src/cli/powershell/module/functions.ts';
import { asciiLiteral, literal, literalOf } from '../../../../src/cli/powershell/module/literal.ts';
import { manifestText, moduleText, profileText } from '../../../../src/cli/powershell/module/module-text.ts';
import { PATH_OPTIONS, parameterName } from '../../../../src/cli/powershell/module/parameters.ts';
import { ERROR_CATEGORIES } from '../../../../src/cli/powershell/module/tables.ts';
import { readDocument } from '../../../support/documents.ts';

const HANDLED = ['json', 'quiet', 'verbose', 'progress', 'dry-run', 'destination', 'help'];

function optionsOf({ parameters }: ModuleFunction): string[] {
  return parameters.flatMap(({ use }) => (use.is === 'option' || use.is === 'switch' ? [use.option] : []));
}

describe('the functions of the module', () => {
  it.each(MODULE_FUNCTIONS.map((one) => [one.name, one] as const))('%s has a parameter for each option', (_, one) => {
    const { options, positionals } = one.command;
    const wanted = Object.keys(options).filter((name) => !positionals.includes(name) && !HANDLED.includes(name));
    expect(optionsOf(one).sort()).toEqual(wanted.map((name) => `--${name}`).sort());
  });

  it.each(MODULE_FUNCTIONS.map((one) => [one.name, one] as const))('%s has different names', (_, { parameters }) => {
    const names = parameters.flatMap(({ name, aliases }) => [name, ...aliases]).map((name) => name.toLowerCase());
    expect(names).toEqual([...new Set(names)]);
    // PowerShell has these itself.
    for (const common of ['verbose', 'debug', 'whatif', 'confirm', 'progressaction'])
      expect(names).not.toContain(common);
  });

  it('resolve the options that name files, and no others', () => {
    const options = new Map(MODULE_FUNCTIONS.flatMap(({ command }) => Object.entries(command.options)));
    for (const name of PATH_OPTIONS) expect(options.get(name)?.describe, name).toMatch(/[Ff]ile|Manifest/);
    const used = new Set(MODULE_FUNCTIONS.flatMap(optionsOf));
    for (const [name, { describe: text = '', type }] of options) {
      const isFile =
        type === 'string' && used.has(`--${name}`) && /^(?:File|Folder|Manifest|Append|Write .* file)\b/.test(text);
      if (isFile) expect(PATH_OPTIONS).toContain(name);
    }
  });

  it('translate what the cmdlets call otherwise', () => {
    const [add] = MODULE_FUNCTIONS;
    const useOf = (name: string) => add?.parameters.find((one) => one.name === name)?.use;
    expect(useOf('DiskHyperVGeneration')).toMatchObject({ option: '--generation', values: { V1: '1', V2: '2' } });
    expect(useOf('ContentMd5')).toMatchObject({ is: 'switch', impliedIn: ['DefaultParameterSet'] });
    expect(useOf('ResourceGroupName')).toMatchObject({ onlyIn: { sets: ['DirectUploadToManagedDiskSet'] } });
    expect(useOf('DefaultProfile')).toMatchObject({ is: 'refused', why: expect.stringContaining('Connect-AzAccount') });
    expect(parameterName('resume-from-blob')).toBe('ResumeFromBlob');
  });

  it('have a category for each error code', async () => {
    const rows = [...(await readDocument('docs/exit-codes.md')).matchAll(/^\| [\d, ]+ \| ([^|]+) \|/gm)];
    const codes = rows.flatMap(([, cell = '']) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, code = '']) => code));
    expect(codes.length).toBeGreaterThan(14);
    for (const code of codes) expect(Object.keys(ERROR_CATEGORIES)).toContain(code);
  });
});

describe('the texts of the module', () => {
  it.each(MODULE_FUNCTIONS.map((one) => [one.name, one] as const))(
    '%s has help in the words of PowerShell',
    (_, one) => {
      const [help = ''] = functionText(one).split('#>');
      expect(help).toContain('.PARAMETER LocalFilePath');
      expect(help).not.toMatch(/\s--[a-z]|standard input|=free/);
    },
  );

  it('name the columns of a CSV that docs/powershell.md lists', async () => {
    const section = /^## Rows of a CSV\n+([^\n]+)/m.exec(await readDocument('docs/powershell.md'))?.[1] ?? '';
    const listed = [...section.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    const columns = MODULE_FUNCTIONS.flatMap(({ parameters }) => parameters)
      .filter(({ fromPipeline, type }) => fromPipeline !== undefined && type !== 'switch')
      .map(({ name }) => name);
    expect(listed.sort()).toEqual([...new Set(columns)].sort());
  });

  it('are ASCII, which every encoding and code page preserves', () => {
    for (const text of [
      moduleText(),
      manifestText('https://example.com/vhdup'),
      profileText(['D:\\\u78c1\u76d8\\vhdup.exe']),
    ]) {
      expect(text).toMatch(/^[\n\x20-\x7e]+$/);
    }
    expect(profileText(['D:\\\u78c1\u76d8\\vhdup.exe'])).toContain(
      String.raw`$script:Program = @([regex]::Unescape('D:\\\u78c1\u76d8\\vhdup.exe'))`,
    );
  });

  it('name the page of the project', () => {
    expect(manifestText('https://example.com/vhdup')).toContain("ProjectUri = 'https://example.com/vhdup'");
  });

  it('quote values', () => {
    expect(literal("it's \u2018so\u2019")).toBe("'it''s \u2018\u2018so\u2019\u2019'");
    expect(asciiLiteral('C:\\a b')).toBe("'C:\\a b'");
    expect(literalOf({ a: ['b', 'c'], d: true, e: {} })).toBe(
      "@{\n    'a' = @('b', 'c')\n    'd' = $true\n    'e' = @{}\n}",
    );
  });
});
