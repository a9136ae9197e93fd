// The tables that the code of the module reads, as PowerShell code.
import type { Phase } from '../../../events.ts';
import { OPTION, OTHER_COMMAND } from '../reword.ts';
import { MODULE_FUNCTIONS, type ModuleFunction } from './functions.ts';
import { literal, literalOf } from './literal.ts';
import type { Use } from './parameters.ts';

/** The category of an error of PowerShell, by our code. */
export const ERROR_CATEGORIES: Readonly<Record<string, string>> = {
  USAGE: 'InvalidArgument',
  IMAGE_ACCESS: 'OpenError',
  IMAGE_CORRUPT: 'InvalidData',
  IMAGE_UNSUPPORTED: 'InvalidType',
  PARENT_IMAGE: 'ObjectNotFound',
  IMAGE_CHANGED: 'InvalidOperation',
  DESTINATION: 'ResourceUnavailable',
  CHECKPOINT: 'InvalidOperation',
  CREDENTIALS: 'AuthenticationError',
  SERVICE: 'ConnectionError',
  VERIFICATION: 'InvalidResult',
  LOCAL_FILE: 'WriteError',
  IN_USE: 'ResourceBusy',
  DISK_CHECK: 'InvalidData',
  INTERRUPTED: 'OperationStopped',
  UNEXPECTED: 'NotSpecified',
  PROGRAM_NOT_FOUND: 'ObjectNotFound',
  PROGRAM_NOT_STARTED: 'OpenError',
};

/** What the progress shows while nothing is counted. */
const PHASES: Readonly<Record<Phase, string>> = {
  creating: 'Creating the disk',
  'waiting-for-access': 'Waiting for access to the disk',
  'checking-base': 'Comparing the base',
  copying: 'Azure copies the base',
  sending: 'Sending',
  finishing: 'Writing the footer',
  verifying: 'Verifying',
  committing: 'Committing the disk',
};

/** The properties that the screen shows. More than four become a list, which does not cut off paths and URLs. */
const VIEWS: Readonly<Record<string, readonly string[]>> = {
  VhdUploadContext: ['LocalFilePath', 'DestinationUri', 'BlobSize', 'Sent', 'Verified'],
  VhdUploadPlan: ['LocalFilePath', 'DestinationUri', 'BlobSize', 'Send', 'Requests'],
  VhdDownloadContext: ['LocalFilePath', 'Source', 'Size', 'Received', 'Verified'],
  VhdCheckResult: ['LocalFilePath', 'Purpose', 'Generation', 'Result', 'Problems'],
  VhdCheckFinding: ['Result', 'Id', 'Found'],
  VhdImage: ['LocalFilePath', 'Format', 'DiskSize', 'Allocated', 'Generation', 'OperatingSystem', 'Problems'],
};

/** The modules of Azure PowerShell that have the cmdlets. */
const MODULES_OF_CMDLETS = {
  'Add-AzureVhd': 'Azure',
  'Add-AzVhd': 'Az.Compute',
  'Save-AzureVhd': 'Azure',
  'Save-AzVhd': 'Az.Compute',
};

/** Words that are given without a name, or that the cmdlets take so: what a sentence calls them, and how an example writes them. */
const WORDS: Readonly<Record<string, readonly [text: string, example: string]>> = {
  LocalFilePath: ['the file', '-LocalFilePath FILE'],
  Destination: ['the URL', '-Destination URL'],
  SourceUri: ['the URL', '-SourceUri URL'],
  Structure: ['the structure', '-Structure NAME'],
};

/** Messages about arguments that have another form here. */
const OWN_SENTENCES: Readonly<Record<string, string>> = {
  'The destination is missing: vhdup upload <image> <destination>, or vhdup upload <image> --disk NAME -g GROUP -l REGION.':
    'The destination is missing: give -Destination URL, or -DiskName NAME -ResourceGroupName GROUP -Location REGION.',
  // The file is the only argument then, and vhdup takes it for the source.
  'The file is missing: vhdup download <source> <file>, or vhdup download <file> --disk NAME -g GROUP.':
    'The source is missing: give -SourceUri URL, or -DiskName NAME -ResourceGroupName GROUP.',
};

/** All tables, as variables of the module. */
export function tablesText(): string {
  const aliases = MODULE_FUNCTIONS.flatMap(({ name, aliases }) => aliases.map((alias) => [alias, name] as const));
  const variables = {
    Functions: Object.fromEntries(MODULE_FUNCTIONS.map((one) => [one.name, tableOf(one)])),
    Aliases: Object.fromEntries(aliases),
    AliasModules: MODULES_OF_CMDLETS,
    OptionNames: optionNames(),
    Categories: ERROR_CATEGORIES,
    Phases: PHASES,
    Views: VIEWS,
    Sentences: OWN_SENTENCES,
  };
  const lines = Object.entries(variables).map(([name, value]) => `$script:${name} = ${literalOf(value)}`);
  return [...lines, `$script:OptionPattern = ${literal(`${OTHER_COMMAND}|${OPTION}`)}`].join('\n');
}

function tableOf(one: ModuleFunction) {
  const { command, action, changes, parameters } = one;
  const uses = parameters.flatMap(({ name, use }) => (use.is === 'own' ? [] : [[name, useOf(use)] as const]));
  const positional = parameters
    .filter(({ position }) => position !== undefined)
    .sort((one, other) => (one.position ?? 0) - (other.position ?? 0))
    .map(({ name }) => WORDS[name] ?? [`-${name}`, `-${name}`]);
  // A second word without a name is most likely for one of these.
  const named = parameters.flatMap(({ name, position }) => (position === undefined ? (WORDS[name]?.[1] ?? []) : []));
  return {
    Command: command.name,
    Action: action,
    Order: positional.map(([text]) => text).join(', then '),
    Example: [...positional.map(([, example]) => example), ...named].join(' '),
    Changes: changes,
    // A URL with a SAS goes there, because it must not be on the command line.
    UrlVariable: command.name === 'download' ? 'VHDUP_SOURCE' : 'VHDUP_DESTINATION',
    Uses: Object.fromEntries(uses),
    Options: optionsOf(one),
  };
}

function useOf(use: Exclude<Use, { readonly is: 'own' }>) {
  if (use.is === 'note' || use.is === 'refused') return { Is: use.is, Why: use.why };
  if (use.is === 'switch') return { Is: use.is, Option: use.option, ImpliedIn: use.impliedIn };
  return {
    Is: use.is,
    Option: use.option,
    ...(use.isPath === true ? { Path: true } : {}),
    ...(use.values === undefined ? {} : { Choices: use.values }),
    ...(use.onlyIn === undefined ? {} : { OnlyIn: use.onlyIn.sets, Why: use.onlyIn.why }),
  };
}

/** The parameter of one function for each option. */
function optionsOf({ command, parameters }: ModuleFunction): Record<string, string> {
  return {
    '--verbose': '-Verbose',
    ...('dry-run' in command.options ? { '--dry-run': '-WhatIf' } : {}),
    ...(parameters.some(({ name }) => name === 'Destination') ? { '--destination': '-Destination' } : {}),
    ...Object.fromEntries(
      parameters.flatMap(({ name, use }) =>
        use.is === 'option' || use.is === 'switch' ? [[use.option, `-${name}`] as const] : [],
      ),
    ),
  };
}

/** The parameter for each option, for messages. The first function that has the option names it. */
function optionNames(): Record<string, string> {
  return Object.assign({}, ...MODULE_FUNCTIONS.map(optionsOf).reverse());
}

/** A text about options, with the parameters that stand for them. */
export function inParameters(text: string): string {
  const names = optionNames();
  return text.replace(new RegExp(`${OTHER_COMMAND}|${OPTION}`, 'g'), (found) => names[found] ?? found);
}
