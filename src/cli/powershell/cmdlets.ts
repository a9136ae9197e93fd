// The cmdlets whose way of writing vhdup takes: Add-AzureVhd and Save-AzureVhd, and Add-AzVhd and Save-AzVhd of the module Az.Compute.
// Source: their help, and Azure/azure-powershell, AddAzureVhdCommand.cs and SaveAzureVhdCommand.cs of both modules.
import { DISK_SKUS } from '../../azure/arm/disk-body.ts';
import type { Cmdlet, Meaning, Parameter, ParameterSet } from './parameter.ts';

const MAX_THREADS = 64;
const DEFAULT_THREADS = 8;

/** Both cmdlets create the container, and set the Content-MD5 of the blob at the end. */
const IMPLIED_FOR_BLOB = ['--create-container', '--content-md5'];

const BLOB: ParameterSet = { name: 'DefaultParameterSet', target: 'a blob', implies: IMPLIED_FOR_BLOB };
const DISK: ParameterSet = { name: 'DirectUploadToManagedDiskSet', target: 'a managed disk', implies: [] };
const OLD: ParameterSet = { ...BLOB, name: 'Vhd' };

const SIGN_IN =
  'vhdup signs in with Microsoft Entra (Connect-AzAccount, az login, a managed identity), with a SAS in the URL, or with AZURE_STORAGE_KEY or AZURE_STORAGE_CONNECTION_STRING in the environment.';

const THREADS: Omit<Parameter, 'position'> = {
  name: 'NumberOfUploaderThreads',
  aliases: ['th'],
  kind: 'Int32',
  range: [1, MAX_THREADS],
  defaultValue: String(DEFAULT_THREADS),
  describe: 'Concurrent requests',
  meaning: { is: 'option', option: '--threads' },
};

const DESTINATION: Omit<Parameter, 'position' | 'requiredIn'> = {
  name: 'Destination',
  aliases: ['dst'],
  kind: 'Uri',
  describe: 'URL of the blob, with or without a SAS',
  meaning: { is: 'argument', name: 'destination' },
};

const LOCAL_FILE: Omit<Parameter, 'position' | 'requiredIn'> = {
  name: 'LocalFilePath',
  aliases: ['lf'],
  kind: 'FileInfo',
  describe: 'Disk image: VHD, VHDX or raw',
  meaning: { is: 'argument', name: 'image' },
};

const BASE: Omit<Parameter, 'position'> = {
  name: 'BaseImageUriToPatch',
  aliases: ['bs'],
  kind: 'Uri',
  describe: 'URL of the uploaded ancestor of the image: only what the newer images change is sent',
  meaning: { is: 'option', option: '--base' },
};

const OVERWRITE: Omit<Parameter, 'position'> = {
  name: 'OverWrite',
  aliases: ['o'],
  kind: 'SwitchParameter',
  describe: 'Replace an existing page blob',
  meaning: { is: 'option', option: '--overwrite' },
};

/** Parameters that say who signs in. To ignore them could write to the account of somebody else. */
function signIn(name: string, aliases: readonly string[], describe: string, advice: string): Parameter {
  const meaning: Meaning = { is: 'refused', why: () => `vhdup does not use -${name}. Leave it out: ${advice}` };
  return { name, aliases, kind: 'String', describe, meaning };
}

const STORAGE_KEY = signIn(
  'StorageKey',
  ['sk'],
  'Not supported: other users can see the arguments of a program',
  'other users of this machine can see it. Set the environment variable AZURE_STORAGE_KEY instead, or sign in with Microsoft Entra (Connect-AzAccount or az login).',
);

const AS_JOB: Parameter = {
  name: 'AsJob',
  kind: 'SwitchParameter',
  describe: 'Not supported: start a job of PowerShell',
  meaning: {
    is: 'refused',
    why: (command) =>
      `A program cannot start a job of PowerShell. Start it yourself: Start-Job { ${command} } A job has the environment variables of this session, such as AZURE_STORAGE_KEY, but may start in another folder: write the full path of the file. Or use -AsJob with the functions that vhdup powershell prints.`,
  },
};

/** The cmdlets have no such parameter, but users who know Save-AzVhd write it. */
const EXTRA_STORAGE_KEY: Parameter = { ...STORAGE_KEY, isExtra: true };

export const ADD_AZURE_VHD: Cmdlet = {
  name: 'add-azurevhd',
  cmdlet: 'Add-AzureVhd',
  describe: 'Upload to a page blob, with the parameters of Add-AzureVhd',
  sets: [OLD],
  parameters: [
    { ...DESTINATION, position: 0, requiredIn: [OLD.name] },
    { ...LOCAL_FILE, position: 1, requiredIn: [OLD.name] },
    { ...THREADS, position: 2 },
    { ...BASE, position: 3 },
    { ...OVERWRITE, position: 4 },
    signIn('Profile', ['AzureSMProfile'], 'Not supported: vhdup signs in by itself, see the notes', SIGN_IN),
    EXTRA_STORAGE_KEY,
    AS_JOB,
  ],
  examples: [
    'add-azurevhd -Destination "https://ACCOUNT.blob.core.windows.net/vhds/disk.vhd" -LocalFilePath D:\\vhds\\disk.vhd',
    'add-azurevhd -dst $url -lf .\\disk.vhdx -th 16 -OverWrite',
  ],
  notes: [
    'The container is created if it does not exist, and the Content-MD5 of the blob is set at the end.',
    'DestinationUri in the output never contains the SAS.',
    SIGN_IN,
  ],
};

export const ADD_AZ_VHD: Cmdlet = {
  name: 'add-azvhd',
  cmdlet: 'Add-AzVhd',
  describe: 'Upload to a page blob or a managed disk, with the parameters of Add-AzVhd',
  sets: [BLOB, DISK],
  parameters: [
    {
      name: 'ResourceGroupName',
      kind: 'String',
      position: 0,
      sets: [BLOB.name],
      describe: 'Accepted for a blob, and not used',
      meaning: { is: 'ignored', why: `a blob does not need it. ${SIGN_IN}` },
    },
    {
      name: 'ResourceGroupName',
      kind: 'String',
      position: 0,
      sets: [DISK.name],
      requiredIn: [DISK.name],
      describe: 'Resource group of the disk',
      meaning: { is: 'option', option: '--resource-group' },
    },
    { ...DESTINATION, position: 1, sets: [BLOB.name], requiredIn: [BLOB.name] },
    {
      name: 'Location',
      kind: 'String',
      position: 1,
      sets: [DISK.name],
      requiredIn: [DISK.name],
      describe: 'Region of the disk, such as westeurope',
      meaning: { is: 'option', option: '--location' },
    },
    { ...LOCAL_FILE, position: 2, requiredIn: [BLOB.name, DISK.name] },
    {
      name: 'DiskName',
      kind: 'String',
      sets: [DISK.name],
      requiredIn: [DISK.name],
      describe: 'Name of the disk, which is created',
      meaning: { is: 'option', option: '--disk' },
    },
    {
      name: 'DiskSku',
      kind: 'String',
      sets: [DISK.name],
      choices: DISK_SKUS,
      defaultValue: 'Standard_LRS',
      describe: 'Kind of the disk',
      meaning: { is: 'option', option: '--sku' },
    },
    {
      name: 'DiskZone',
      aliases: ['Zone'],
      kind: 'String',
      sets: [DISK.name],
      describe: 'Availability zone: 1, 2 or 3',
      meaning: { is: 'option', option: '--zone' },
    },
    {
      name: 'DiskHyperVGeneration',
      aliases: ['HyperVGeneration'],
      kind: 'String',
      choices: ['V1', 'V2'],
      sets: [DISK.name],
      describe: 'Generation of the virtual machine. Default: what the image shows',
      meaning: { is: 'option', option: '--generation', translate: (value) => value.slice(1) },
    },
    {
      name: 'DiskOsType',
      aliases: ['OsType'],
      kind: 'String',
      choices: ['Windows', 'Linux'],
      sets: [DISK.name],
      describe: 'Operating system on the disk. Default: what the image shows (the cmdlet assumes Windows)',
      meaning: { is: 'option', option: '--os-type', translate: (value) => value.toLowerCase() },
    },
    {
      name: 'DataAccessAuthMode',
      kind: 'String',
      choices: ['AzureActiveDirectory', 'None'],
      sets: [DISK.name],
      describe: 'Whether the content of the disk also needs Microsoft Entra',
      meaning: { is: 'option', option: '--data-access-auth-mode' },
    },
    { ...THREADS, position: 3 },
    { ...BASE, position: 4, sets: [BLOB.name] },
    { ...OVERWRITE, position: 5, sets: [BLOB.name] },
    {
      name: 'SkipResizing',
      kind: 'SwitchParameter',
      sets: [BLOB.name],
      describe: 'Accepted, and not needed: vhdup never resizes the file',
      meaning: {
        is: 'ignored',
        why: 'vhdup pads the disk to a whole MiB while it sends it, and never changes the file.',
      },
    },
    signIn(
      'DefaultProfile',
      ['AzContext', 'AzureRmContext', 'AzureCredential'],
      'Not supported: vhdup signs in by itself, see the notes',
      `${SIGN_IN} --subscription chooses the subscription of a disk.`,
    ),
    EXTRA_STORAGE_KEY,
    AS_JOB,
  ],
  examples: [
    'add-azvhd -ResourceGroupName migration -Destination $url -LocalFilePath D:\\vhds\\disk.vhdx',
    'add-azvhd -ResourceGroupName migration -Location westeurope -DiskName web01-os -LocalFilePath D:\\vhds\\web01.vhdx',
  ],
  notes: [
    'To a blob, the container is created if it does not exist, and the Content-MD5 of the blob is set at the end.',
    'DestinationUri in the output never contains the SAS. For a managed disk it is the address of the disk.',
    SIGN_IN,
  ],
};

const SAVED: ParameterSet = { name: 'DefaultParameterSet', target: 'a file', implies: ['--format=vhd'] };
const OLD_SAVED: ParameterSet = { ...SAVED, name: 'Vhd' };

const SOURCE: Omit<Parameter, 'name' | 'position' | 'requiredIn'> = {
  kind: 'Uri',
  describe: 'URL of the blob, with or without a SAS',
  meaning: { is: 'argument', name: 'source' },
};

const SAVED_FILE: Omit<Parameter, 'position' | 'requiredIn'> = {
  ...LOCAL_FILE,
  describe: 'File to write',
  meaning: { is: 'argument', name: 'file' },
};

const REPLACE_FILE: Omit<Parameter, 'position'> = {
  name: 'OverWrite',
  aliases: ['o'],
  kind: 'SwitchParameter',
  describe: 'Replace an existing file',
  meaning: { is: 'option', option: '--overwrite' },
};

const SAVE_NOTES = [
  'The file is the fixed VHD of the blob, byte for byte. --format vhdx writes another format.',
  'Source in the output never contains the SAS.',
];

export const SAVE_AZ_VHD: Cmdlet = {
  name: 'save-azvhd',
  cmdlet: 'Save-AzVhd',
  command: 'download',
  describe: 'Download a page blob to a fixed VHD, with the parameters of Save-AzVhd',
  sets: [SAVED],
  parameters: [
    {
      name: 'ResourceGroupName',
      kind: 'String',
      position: 0,
      describe: 'Accepted, and not used',
      meaning: { is: 'ignored', why: `a blob does not need it. ${SIGN_IN}` },
    },
    { ...SOURCE, name: 'SourceUri', aliases: ['src', 'Source'], position: 1, requiredIn: [SAVED.name] },
    { ...SAVED_FILE, position: 2, requiredIn: [SAVED.name] },
    { ...THREADS, name: 'NumberOfThreads', position: 3 },
    { ...REPLACE_FILE, position: 4 },
    signIn(
      'DefaultProfile',
      ['AzContext', 'AzureRmContext', 'AzureCredential'],
      'Not supported: vhdup signs in by itself, see the notes',
      SIGN_IN,
    ),
    STORAGE_KEY,
    AS_JOB,
  ],
  examples: ['save-azvhd -SourceUri $url -LocalFilePath D:\\vhds\\disk.vhd'],
  notes: [...SAVE_NOTES, SIGN_IN],
};

export const SAVE_AZURE_VHD: Cmdlet = {
  name: 'save-azurevhd',
  cmdlet: 'Save-AzureVhd',
  command: 'download',
  describe: 'Download a page blob to a fixed VHD, with the parameters of Save-AzureVhd',
  sets: [OLD_SAVED],
  parameters: [
    { ...SOURCE, name: 'Source', aliases: ['src'], position: 0, requiredIn: [OLD_SAVED.name] },
    { ...SAVED_FILE, position: 1, requiredIn: [OLD_SAVED.name] },
    { ...THREADS, name: 'NumberOfThreads', position: 2 },
    { ...STORAGE_KEY, position: 3 },
    { ...REPLACE_FILE, position: 4 },
    signIn('Profile', ['AzureSMProfile'], 'Not supported: vhdup signs in by itself, see the notes', SIGN_IN),
    AS_JOB,
  ],
  examples: ['save-azurevhd -Source $url -LocalFilePath D:\\vhds\\disk.vhd'],
  notes: [...SAVE_NOTES, SIGN_IN],
};

/** All of them. */
export const CMDLETS: readonly Cmdlet[] = [ADD_AZURE_VHD, ADD_AZ_VHD, SAVE_AZURE_VHD, SAVE_AZ_VHD];

/** @param word - The first word of a command line, in any case. */
export function cmdletNamed(word: string): Cmdlet | undefined {
  return CMDLETS.find(({ name }) => name === word.toLowerCase());
}
