import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import {
  ADD_AZ_VHD,
  ADD_AZURE_VHD,
  CMDLETS,
  SAVE_AZ_VHD,
  SAVE_AZURE_VHD,
} from '../../../src/cli/powershell/cmdlets.ts';
import type { Cmdlet } from '../../../src/cli/powershell/parameter.ts';
import { rewordFor } from '../../../src/cli/powershell/reword.ts';
import { type RunCommand, runCmdlet } from '../../../src/cli/powershell/run-cmdlet.ts';
import type { Presentation } from '../../../src/cli/presentation.ts';
import { type CapturedOutput, captureOutput } from '../../support/captured-output.ts';
import { ROOT } from '../../support/command-line.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const URL = 'https://a.blob.core.windows.net/vhds/disk.vhd';
const SAS = '?sv=2024-11-04&sp=rw&sig=c2VjcmV0c2VjcmV0c2VjcmV0';
const PATH = resolve('a.vhd');

let written: CapturedOutput;

beforeEach(() => {
  written = captureOutput();
});

interface Run {
  readonly words: readonly string[];
  readonly presentation: Presentation;
}

/** What `vhdup upload` gets. */
async function runOf(cmdlet: Cmdlet, ...args: readonly string[]): Promise<Run> {
  const runs: Run[] = [];
  const run: RunCommand = (words, presentation) => {
    runs.push({ words, presentation });
    return Promise.resolve(0);
  };
  await runCmdlet(cmdlet, args, run);
  const [only] = runs;
  if (only === undefined) throw new Error('Nothing was run.');
  return only;
}

describe('add-azurevhd', () => {
  it('is an upload that creates the container and sets the Content-MD5, with 8 threads', async () => {
    const { words } = await runOf(ADD_AZURE_VHD, URL + SAS, 'a.vhd');
    expect(words).toEqual(['upload', PATH, URL + SAS, '--create-container', '--content-md5', '--threads=8']);
  });

  it.each([
    [['-th', '5'], ['--threads=5']],
    [
      ['--threads', '3'],
      ['--threads', '3'],
    ],
    [['-OverWrite'], ['--threads=8', '--overwrite']],
    [['-OverWrite:$false'], ['--threads=8']],
    [
      ['-bs', URL],
      ['--threads=8', `--base=${URL}`],
    ],
    [['-WhatIf'], ['--threads=8', '--dry-run']],
    [['-Confirm:$false'], ['--threads=8']],
    // As in PowerShell, -WhatIf asks nothing.
    [
      ['-WhatIf', '-Confirm'],
      ['--threads=8', '--dry-run'],
    ],
    [['-Verbose'], ['--threads=8', '--verbose']],
    [
      ['-Debug', '-Verbose:$false'],
      ['--threads=8', '--verbose'],
    ],
    [
      ['-ProgressAction', 'SilentlyContinue'],
      ['--threads=8', '--no-progress'],
    ],
    [['-ProgressAction', 'Continue', '-ErrorAction', 'Stop'], ['--threads=8']],
    [
      ['--json', '--sas-file', 'sas.txt'],
      ['--threads=8', '--json', '--sas-file', 'sas.txt'],
    ],
  ])('translates %j', async (args, options) => {
    const { words } = await runOf(ADD_AZURE_VHD, URL, 'a.vhd', ...args);
    expect(words.slice(5)).toEqual(options);
    expect(written.out).toBe('');
  });

  it('takes the path of a file with the provider that PowerShell writes in front of it', async () => {
    const { words } = await runOf(ADD_AZURE_VHD, URL, `Microsoft.PowerShell.Core\\FileSystem::${PATH}`);
    expect(words[1]).toBe(PATH);
  });

  it.runIf(sep === '/')('takes the backslashes of PowerShell in the path of a file that exists', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.vhd'), '');
    expect((await runOf(ADD_AZURE_VHD, URL, `${folder}\\a.vhd`)).words[1]).toBe(join(folder, 'a.vhd'));
    const odd = join(folder, 'x\\b.vhd');
    await writeFile(odd, '');
    expect((await runOf(ADD_AZURE_VHD, URL, odd)).words[1]).toBe(odd);
    expect((await runOf(ADD_AZURE_VHD, URL, `${folder}\\none.vhd`)).words[1]).toBe(`${folder}\\none.vhd`);
  });

  it('says which word is which if file and URL are swapped', async () => {
    expect(await main(['add-azurevhd', 'a.vhd', URL + SAS], {})).toBe(2);
    expect(written.err).toContain(`-LocalFilePath is the URL ${URL}. `);
    expect(written.err).toContain('write -Destination in front of the URL');
    expect(written.err).not.toContain('c2VjcmV0');
  });

  it('says with -Verbose what has no effect, and why', async () => {
    await runOf(ADD_AZURE_VHD, URL, 'a.vhd', '-ea', 'Stop');
    expect(written.err).toBe('');
    await runOf(ADD_AZURE_VHD, URL, 'a.vhd', '-ea', 'Stop', '-OutVariable', 'x', '-Verbose');
    expect(written.err).toMatch(/^-ea has no effect: .*\$LASTEXITCODE\.\n-OutVariable has no effect: .*\n$/);
  });

  it.each([
    [
      ['-AsJob'],
      `Start-Job { add-azurevhd -Destination ${URL} -LocalFilePath a.vhd } A job has the environment variables`,
    ],
    [['-AsJob'], 'The SAS is not shown here: append it to the URL again, or set AZURE_STORAGE_SAS_TOKEN.'],
    [['-StorageKey', 'c2VjcmV0c2VjcmV0'], 'AZURE_STORAGE_KEY'],
    [['-Profile', 'x'], 'Connect-AzAccount'],
    [['-Confirm'], 'there is no terminal'],
    [['-Fast'], 'has no parameter -Fast'],
    [['-json'], 'has no parameter -json. Options of vhdup upload have two dashes: --json.'],
    [['-sas-file', 'x'], 'two dashes: --sas-file.'],
  ])('refuses %j with the next step', async (args, message) => {
    expect(await main(['Add-AzureVhd', URL + SAS, 'a.vhd', ...args], {})).toBe(2);
    expect(written.err).toContain(message);
    expect(written.err).not.toContain('c2VjcmV0');
    expect(written.out).toBe('');
  });

  it('prints the command without the SAS, to be run again', async () => {
    const { presentation } = await runOf(
      ADD_AZURE_VHD,
      ...['-dst', URL + SAS, '-lf', "it's a.vhd", '-o', '-WhatIf:$false', '--sas-file', 'my sas.txt'],
    );
    expect(presentation.command).toBe(
      `add-azurevhd -dst ${URL} -lf 'it''s a.vhd' -o -WhatIf:$false --sas-file 'my sas.txt'  # append the SAS to the URL`,
    );
  });

  it('names parameters in messages as the user wrote them', async () => {
    const { presentation } = await runOf(ADD_AZURE_VHD, URL, 'a.vhd', '-th', '5', '-whatif');
    expect(presentation.reword('--threads, --dry-run, --overwrite')).toBe('-th, -whatif, -OverWrite');
  });

  it('prints what the cmdlet returns, without the SAS', async () => {
    const { presentation } = await runOf(ADD_AZURE_VHD, URL + SAS, 'a.vhd');
    expect(presentation.propertiesOf({ url: URL })).toEqual({ LocalFilePath: PATH, DestinationUri: URL });
    expect(presentation.propertiesOf({ requests: 1 })).toBeUndefined();
  });

  it('reports wrong options of vhdup upload by their own names', async () => {
    expect(await main(['add-azurevhd', URL, 'a.vhd', '--dryrun'], {})).toBe(2);
    expect(written.err).toContain('Did you mean --dry-run? Run add-azurevhd -? for help.');
  });
});

describe('add-azvhd', () => {
  const DISK = ['-ResourceGroupName', 'rg', '-Location', 'westeurope', '-DiskName', 'd', '-LocalFilePath', 'a.vhd'];

  it('uploads to a blob, and explains with -Verbose why it needs no resource group', async () => {
    const { words } = await runOf(ADD_AZ_VHD, 'rg', URL, 'a.vhd', '-SkipResizing', '-Verbose');
    expect(words).toEqual([
      ...['upload', PATH, URL, '--create-container', '--content-md5', '--threads=8', '--verbose'],
    ]);
    expect(written.err).toContain('-ResourceGroupName has no effect');
    expect(written.err).toContain('-SkipResizing has no effect');
  });

  it('uploads to a managed disk', async () => {
    const more = [
      '-DiskSku',
      'premium_lrs',
      '-Zone',
      '2',
      '-HyperVGeneration',
      'v2',
      '-OsType',
      'Linux',
      '-DataAccessAuthMode',
      'none',
    ];
    const { words } = await runOf(ADD_AZ_VHD, ...DISK, ...more);
    expect(words).toEqual([
      ...['upload', PATH, '--threads=8', '--resource-group=rg', '--location=westeurope', '--disk=d'],
      ...['--sku=Premium_LRS', '--zone=2', '--generation=2', '--os-type=linux', '--data-access-auth-mode=None'],
    ]);
  });

  it.each([[['a.vhd']], [['a.vhd', '5']]])(
    'explains the first word if it is a URL, as for Add-AzureVhd, with %j behind it',
    async (more) => {
      expect(await main(['add-azvhd', URL + SAS, ...more], {})).toBe(2);
      expect(written.err).toContain(
        `it is the URL ${URL}. Write -Destination in front of the URL and -LocalFilePath in front of the file, or use add-azurevhd,`,
      );
    },
  );
});

describe('the help', () => {
  it.each(CMDLETS.flatMap(({ name }) => ['-?', '-Help', '-h', '--help'].map((word) => [name, word] as const)))(
    '%s %s lists the parameters of the table in 80 columns',
    async (name, word) => {
      expect(await main([name, word], {})).toBe(0);
      const cmdlet = CMDLETS.find((one) => one.name === name);
      for (const parameter of cmdlet?.parameters ?? []) expect(written.out).toContain(`  -${parameter.name}`);
      expect(written.out).toContain('-WhatIf');
      expect(written.out.split('\n').filter((line) => line.length > 80 && !line.startsWith('  add-'))).toEqual([]);
    },
  );

  it('shows the syntax as Get-Help does', async () => {
    await main(['add-azurevhd', '-?'], {});
    expect(written.out.replace(/\s+/g, ' ')).toContain(
      'add-azurevhd [-Destination] <Uri> [-LocalFilePath] <FileInfo> [[-NumberOfUploaderThreads] <Int32>] [[-BaseImageUriToPatch] <Uri>] [-OverWrite] [<CommonParameters>]',
    );
  });

  it('of vhdup lists the commands', async () => {
    await main(['--help'], {});
    for (const { name } of CMDLETS) expect(written.out).toContain(`vhdup ${name}`);
  });
});

describe('rewordFor', () => {
  it.each([
    ['Give --overwrite to replace it.', 'Give -OverWrite to replace it.'],
    ['Give --restart --overwrite.', 'Give --restart -OverWrite.'],
    ['--threads must be 1 to 64.', '-NumberOfUploaderThreads must be 1 to 64.'],
    ['(--checkpoint)', '(--checkpoint)'],
    [
      'add --location (-l). az disk show --location x\n--zone',
      'add -Location (-l). az disk show --location x\n-DiskZone',
    ],
    [
      'Sign in (Connect-AzAccount, az login), or give --overwrite.',
      'Sign in (Connect-AzAccount, az login), or give -OverWrite.',
    ],
    ['Run az account set. --zone', 'Run az account set. -DiskZone'],
    [
      'az vm create --attach-os-disk /disks/web.01 --os-type Linux',
      'az vm create --attach-os-disk /disks/web.01 --os-type Linux',
    ],
    ['an upload by vhdup. Give --overwrite.', 'an upload by vhdup. Give -OverWrite.'],
    ['Run vhdup --help for help.', 'Run add-azvhd -? for help.'],
    ['vhdup disk abort d --disk x', 'vhdup disk abort d --disk x'],
    ['Run vhdup verify to compare, or give --overwrite.', 'Run vhdup verify to compare, or give -OverWrite.'],
    [
      'Add --disk (az disk delete --disk x.y), and --location.',
      'Add -DiskName (az disk delete --disk x.y), and -Location.',
    ],
  ])('turns %j into %j', (message, reworded) => {
    expect(rewordFor({ cmdlet: ADD_AZ_VHD, bound: [] })(message)).toBe(reworded);
  });
});

it('package.json lists a program for each cmdlet', async () => {
  const { bin } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  for (const { name } of CMDLETS) expect(bin).toHaveProperty([name], `bin/${name}.js`);
});

describe('save-azvhd', () => {
  it('is a download of the fixed VHD, with 8 threads', async () => {
    const { words } = await runOf(SAVE_AZ_VHD, 'rg', URL + SAS, 'a.vhd');
    expect(words).toEqual(['download', URL + SAS, PATH, '--format=vhd', '--threads=8']);
  });

  it('takes names, aliases and switches, and options of vhdup download', async () => {
    const words = [
      '-src',
      URL,
      '-lf',
      'a.vhd',
      '-NumberOfThreads',
      '3',
      '-o',
      '--format',
      'vhdx',
      '--max-rate',
      '1MiB/s',
    ];
    expect((await runOf(SAVE_AZ_VHD, ...words)).words).toEqual([
      ...['download', URL, PATH, '--threads=3', '--overwrite'],
      ...['--format', 'vhdx', '--max-rate', '1MiB/s'],
    ]);
  });

  it('returns a VhdDownloadContext without the SAS', async () => {
    const { presentation } = await runOf(SAVE_AZ_VHD, '-src', URL + SAS, '-lf', 'a.vhd');
    expect(presentation.propertiesOf({ url: URL })).toEqual({ LocalFilePath: PATH, Source: URL });
  });

  it('explains the first word if it is a URL, and how it signs in itself', async () => {
    expect(await main(['save-azvhd', URL + SAS, 'a.vhd', '5'], {})).toBe(2);
    expect(written.err).toContain('Write -SourceUri in front of the URL and -LocalFilePath in front of the file');
    expect(written.err).toContain('or use save-azurevhd, which begins with the URL.');
    await main(['save-azvhd', '-DefaultProfile', 'x'], {});
    expect(written.err).toContain('with a SAS in the URL,');
  });

  it('explains -StorageKey before the words that Save-AzVhd would take for others with it', async () => {
    await expect(runOf(SAVE_AZ_VHD, '-sk', 'x', URL, 'a.vhd')).rejects.toThrow('AZURE_STORAGE_KEY');
  });

  it('refuses -WhatIf and -StorageKey', async () => {
    await expect(runOf(SAVE_AZ_VHD, '-src', URL, '-lf', 'a.vhd', '-WhatIf')).rejects.toThrow('-WhatIf');
    await expect(runOf(SAVE_AZ_VHD, '-src', URL, '-lf', 'a.vhd', '-sk', 'x')).rejects.toThrow('AZURE_STORAGE_KEY');
  });
});

describe('save-azurevhd', () => {
  it('is the same download, and begins with the URL', async () => {
    const { words, presentation } = await runOf(SAVE_AZURE_VHD, URL + SAS, 'a.vhd', '5');
    expect(words).toEqual(['download', URL + SAS, PATH, '--format=vhd', '--threads=5']);
    expect(presentation.propertiesOf({ url: URL })).toEqual({ LocalFilePath: PATH, Source: URL });
  });

  it.each(['-ResourceGroupName', '-AzContext'])(
    'names no parameter of another cmdlet when %s is left out',
    async (parameter) => {
      expect(await main(['save-azurevhd', parameter, 'x', '-Source', URL], {})).toBe(2);
      expect(written.err).toContain('with a SAS in the URL,');
      expect(written.err).not.toContain('-SourceUri');
    },
  );

  it('refuses the key that it takes in the fourth place', async () => {
    expect(await main(['Save-AzureVhd', URL, 'a.vhd', '5', 'c2VjcmV0c2VjcmV0'], {})).toBe(2);
    expect(written.err).toContain('AZURE_STORAGE_KEY');
    expect(written.err).not.toContain('c2VjcmV0');
  });
});
