// The functions of the PowerShell module Vhdup. Their help, their parameters and their tables are made from this.
import { checkCommand } from '../../commands/check.ts';
import { downloadCommand } from '../../commands/download.ts';
import { inspectCommand } from '../../commands/inspect.ts';
import { uploadCommand } from '../../commands/upload.ts';
import type { Command } from '../../define-command.ts';
import { ADD_AZ_VHD, SAVE_AZ_VHD } from '../cmdlets.ts';
import type { Cmdlet } from '../parameter.ts';
import { cmdletParameters, type ModuleParameter, optionParameters } from './parameters.ts';

export interface ModuleFunction {
  readonly name: string;
  readonly command: Command;
  readonly synopsis: string;
  readonly description: readonly string[];
  /** Names of its parameter sets, the default first. */
  readonly sets: readonly string[];
  /** Whether it writes something, so that -WhatIf and -Confirm make sense. */
  readonly changes: boolean;
  /** What it does, for -WhatIf and the progress. */
  readonly action: string;
  readonly parameters: readonly ModuleParameter[];
  /** Name of the type of its output. */
  readonly output: string;
  /** A command, and what it does. */
  readonly examples: readonly (readonly [code: string, text: string])[];
  /** Cmdlets that it stands in for where they are not installed. */
  readonly aliases: readonly string[];
}

const BLOB = 'DefaultParameterSet';
const DISK = 'DirectUploadToManagedDiskSet';
const SAVE_DISK = 'ManagedDiskSet';

const FILE: Omit<ModuleParameter, 'describe' | 'position'> = {
  name: 'LocalFilePath',
  // Files from Get-ChildItem, and disks from Get-VHD.
  aliases: ['lf', 'FullName', 'PSPath', 'Path'],
  type: 'string',
  isMandatory: true,
  fromPipeline: 'value',
  use: { is: 'own' },
};

const SAS: ModuleParameter = {
  name: 'Sas',
  aliases: ['SasToken'],
  type: 'object',
  describe: 'SAS for the URL, as a string or a SecureString. It does not appear in the process list',
  use: { is: 'own' },
};

const STORAGE_KEY: ModuleParameter = {
  name: 'StorageKey',
  aliases: ['sk'],
  type: 'object',
  describe: 'Key of the storage account, as a string or a SecureString. It does not appear in the process list',
  use: { is: 'own' },
};

const AS_JOB: ModuleParameter = {
  name: 'AsJob',
  aliases: [],
  type: 'switch',
  describe: 'Run in the background, as a job. Stop-Job stops it cleanly: an upload or a download can be resumed',
  use: { is: 'own' },
};

/** Without it, PowerShell itself would refuse words that are left over, with a message that does not say what to write instead. */
const OTHER_WORDS: ModuleParameter = {
  name: 'OtherWords',
  aliases: [],
  type: 'string[]',
  describe: 'Words that are left over, for a message about them',
  takesRest: true,
  isHidden: true,
  use: { is: 'own' },
};

/** The parameters of the cmdlet, with those that the module defines itself, then all other options of its command. */
function parametersOf(
  cmdlet: Cmdlet,
  command: Command,
  own: readonly ModuleParameter[],
  implied?: ReadonlyMap<string, readonly string[]>,
): ModuleParameter[] {
  const ownNames = own.map(({ name }) => name);
  const named = cmdletParameters(cmdlet).filter(({ name }) => !ownNames.includes(name));
  const all = [...own, ...named];
  const taken = all.flatMap(({ use }) => (use.is === 'option' || use.is === 'switch' ? [use.option] : []));
  return [
    ...all.filter(({ isHidden }) => isHidden !== true),
    ...optionParameters(command, taken, implied),
    ...all.filter(({ isHidden }) => isHidden === true),
  ];
}

const SECRETS =
  'A SAS or a key, given in a URL, by -Sas or by -StorageKey, reaches vhdup in its environment, never on its command line. Without one, vhdup signs in as docs/authentication.md describes, for example with Connect-AzAccount.';
const ERRORS = 'Errors of vhdup are terminating. Their ErrorId is the code in docs/exit-codes.md, such as DESTINATION.';

const uploadParameters = parametersOf(
  ADD_AZ_VHD,
  uploadCommand,
  [
    {
      ...FILE,
      position: 0,
      describe: 'Disk image: VHD, VHDX or raw. Relative to the current location; wildcards are not expanded',
    },
    {
      name: 'Destination',
      aliases: ['dst'],
      type: 'uri',
      position: 1,
      sets: [BLOB],
      fromPipeline: 'property',
      describe: 'URL of the blob, with or without a SAS; or container/blob in the account that the environment names',
      use: { is: 'own' },
    },
    {
      name: 'DiskName',
      aliases: [],
      type: 'string',
      sets: [DISK],
      isMandatory: true,
      fromPipeline: 'property',
      describe: 'Create this managed disk and upload to it: its name, or its resource id',
      use: { is: 'option', option: '--disk' },
    },
    SAS,
    STORAGE_KEY,
    AS_JOB,
    OTHER_WORDS,
  ],
  new Map(ADD_AZ_VHD.sets.map(({ name, implies }) => [name, implies])),
);

const downloadParameters = parametersOf(SAVE_AZ_VHD, downloadCommand, [
  {
    name: 'SourceUri',
    aliases: ['src', 'Source'],
    type: 'uri',
    position: 0,
    sets: [BLOB],
    fromPipeline: 'property',
    describe: 'URL of the blob or of a snapshot of it, with or without a SAS',
    use: { is: 'own' },
  },
  { ...FILE, position: 1, fromPipeline: 'property', describe: 'File to write. Relative to the current location' },
  {
    name: 'DiskName',
    aliases: [],
    type: 'string',
    sets: [SAVE_DISK],
    isMandatory: true,
    fromPipeline: 'property',
    describe: 'Download this managed disk: its name, or its resource id',
    use: { is: 'option', option: '--disk' },
  },
  {
    name: 'ResourceGroupName',
    aliases: [],
    type: 'string',
    fromPipeline: 'property',
    describe: 'Resource group of the disk. For a blob it is not used',
    use: {
      is: 'option',
      option: '--resource-group',
      onlyIn: { sets: [SAVE_DISK], why: 'a blob does not need it.' },
    },
  },
  SAS,
  STORAGE_KEY,
  AS_JOB,
  OTHER_WORDS,
]);

const READ = { ...FILE, position: 0, describe: 'Disk image: VHD, VHDX or raw. Wildcards are not expanded' } as const;

export const MODULE_FUNCTIONS: readonly ModuleFunction[] = [
  {
    name: 'Add-VhdupVhd',
    command: uploadCommand,
    synopsis: 'Uploads a disk image to a page blob or a managed disk, as a fixed VHD.',
    description: [
      'Takes the parameters of Add-AzVhd and Add-AzureVhd, and one for each other option of vhdup upload. Zeros and unallocated blocks are not sent. An upload that was interrupted resumes when the same command is run again.',
      '-WhatIf reads the image and shows what would be sent.',
      SECRETS,
      ERRORS,
    ],
    sets: [BLOB, DISK],
    changes: true,
    action: 'Upload',
    parameters: uploadParameters,
    output: 'VhdUploadContext',
    examples: [
      [
        'Add-VhdupVhd -LocalFilePath D:\\vhds\\disk.vhdx -Destination "https://ACCOUNT.blob.core.windows.net/vhds/disk.vhd" -Sas (Read-Host -AsSecureString)',
        'Uploads to a page blob with a SAS that is not shown.',
      ],
      [
        'Add-VhdupVhd .\\web01.vhdx -DiskName web01-os -ResourceGroupName migration -Location westeurope',
        'Creates a managed disk. Sign in with Connect-AzAccount or az login first.',
      ],
      [
        'Import-Csv list.csv | Add-VhdupVhd',
        'Uploads each row: the columns have the names of parameters, such as LocalFilePath and Destination.',
      ],
      [
        'Get-ChildItem D:\\vhds\\*.vhdx | Add-VhdupVhd -Destination { "vhds/$($_.BaseName).vhd" } -WhatIf',
        'Shows what would be sent for each file, to a blob that is named after it.',
      ],
      ['$job = Add-VhdupVhd .\\disk.vhdx $url -AsJob; Receive-Job $job -Wait', 'Uploads in the background.'],
    ],
    aliases: ['Add-AzureVhd', 'Add-AzVhd'],
  },
  {
    name: 'Save-VhdupVhd',
    command: downloadCommand,
    synopsis: 'Downloads the disk of a page blob or a managed disk to a local file.',
    description: [
      'Takes the parameters of Save-AzVhd and Save-AzureVhd, and one for each other option of vhdup download. A download that was interrupted resumes when the same command is run again.',
      SECRETS,
      ERRORS,
    ],
    sets: [BLOB, SAVE_DISK],
    changes: true,
    action: 'Download',
    parameters: downloadParameters,
    output: 'VhdDownloadContext',
    examples: [
      [
        'Save-VhdupVhd -SourceUri $url -LocalFilePath D:\\vhds\\disk.vhdx',
        'Writes a dynamic VHDX; a file named .vhd becomes a fixed VHD.',
      ],
      [
        'Save-VhdupVhd -DiskName web01-os -ResourceGroupName migration -LocalFilePath .\\web01.vhd',
        'Downloads a managed disk.',
      ],
    ],
    aliases: ['Save-AzureVhd', 'Save-AzVhd'],
  },
  {
    name: 'Test-VhdupVhd',
    command: checkCommand,
    synopsis: 'Checks whether Azure accepts a disk image and whether a VM will boot from it.',
    description: [
      'Returns one object per image: Result is pass, warn or fail, Problems names what must be done, and Findings has every rule. A failed check is not an error.',
      ERRORS,
    ],
    sets: [BLOB],
    changes: false,
    action: 'Check',
    parameters: [
      READ,
      {
        name: 'Destination',
        aliases: ['dst'],
        type: 'uri',
        describe: 'Also check this blob and its container: URL with or without a SAS, or container/blob',
        use: { is: 'own' },
      },
      SAS,
      STORAGE_KEY,
      AS_JOB,
      ...optionParameters(checkCommand, ['--destination']),
      OTHER_WORDS,
    ],
    output: 'VhdCheckResult',
    examples: [
      ['Test-VhdupVhd .\\disk.vhdx', 'Checks an image.'],
      [
        "Get-ChildItem *.vhdx | Test-VhdupVhd -For marketplace | Where-Object Result -eq 'fail'",
        'Lists the images that the Marketplace would refuse.',
      ],
    ],
    aliases: [],
  },
  {
    name: 'Get-VhdupVhd',
    command: inspectCommand,
    synopsis: 'Shows what is in a disk image.',
    description: [
      'Returns one object per image with its format, sizes, partitions, file systems and operating system. Problems is not empty if the image is damaged.',
      ERRORS,
    ],
    sets: [BLOB],
    changes: false,
    action: 'Inspect',
    parameters: [
      READ,
      {
        name: 'Structure',
        aliases: [],
        type: 'string',
        describe:
          'Structure to show as it is stored in the file: footer, header, bat, bitmap, regions, metadata or log',
        use: { is: 'own' },
      },
      AS_JOB,
      ...optionParameters(inspectCommand, []),
      OTHER_WORDS,
    ],
    output: 'VhdImage',
    examples: [
      ['Get-VhdupVhd .\\disk.vhdx', 'Shows an image.'],
      ['Get-ChildItem *.vhd* | Get-VhdupVhd | Sort-Object Allocated', 'Compares images.'],
    ],
    aliases: [],
  },
];
