// The parameters that every cmdlet has. Source: about_CommonParameters.
import type { Meaning, Parameter } from './parameter.ts';

/** The values of ActionPreference, from 0. */
const ACTIONS = ['SilentlyContinue', 'Stop', 'Continue', 'Inquire', 'Ignore', 'Suspend', 'Break'];
const OWN_PROGRAM =
  'vhdup is a program: warnings and errors go to the error stream, and the exit code is in $LASTEXITCODE.';
const NO_VARIABLES = 'a program cannot set variables of PowerShell. Assign its output instead: $result = ...';

function preference(name: string, alias: string, what: string): Parameter {
  const meaning: Meaning = { is: 'ignored', why: OWN_PROGRAM };
  return {
    name,
    aliases: [alias],
    kind: 'ActionPreference',
    choices: ACTIONS,
    describe: `What to do about ${what}; no effect`,
    meaning,
  };
}

function variable(name: string, alias: string): Parameter {
  const meaning: Meaning = { is: 'ignored', why: NO_VARIABLES };
  return { name, aliases: [alias], kind: 'String', describe: 'Name of a variable; no effect', meaning };
}

export const COMMON_PARAMETERS: readonly Parameter[] = [
  {
    name: 'WhatIf',
    aliases: ['wi'],
    kind: 'SwitchParameter',
    describe: 'Show what would be sent, and write nothing (an addition: the cmdlet does not have it)',
    meaning: { is: 'option', option: '--dry-run' },
  },
  {
    name: 'Confirm',
    aliases: ['cf'],
    kind: 'SwitchParameter',
    describe: 'Ask before anything is written (an addition: the cmdlet does not have it)',
    meaning: { is: 'confirm' },
  },
  {
    name: 'Verbose',
    aliases: ['vb'],
    kind: 'SwitchParameter',
    describe: 'Also print every retry and the reasons for decisions',
    meaning: { is: 'option', option: '--verbose' },
  },
  {
    name: 'Debug',
    aliases: ['db'],
    kind: 'SwitchParameter',
    describe: 'The same as -Verbose',
    meaning: { is: 'option', option: '--verbose' },
  },
  {
    name: 'ProgressAction',
    aliases: ['proga'],
    kind: 'ActionPreference',
    choices: ACTIONS,
    describe: 'SilentlyContinue or Ignore: no progress',
    meaning: {
      is: 'some-values',
      option: '--no-progress',
      values: ['SilentlyContinue', 'Ignore'],
      why: 'progress is shown unless it is SilentlyContinue or Ignore.',
    },
  },
  preference('ErrorAction', 'ea', 'errors'),
  preference('WarningAction', 'wa', 'warnings'),
  preference('InformationAction', 'infa', 'information'),
  variable('ErrorVariable', 'ev'),
  variable('WarningVariable', 'wv'),
  variable('InformationVariable', 'iv'),
  variable('OutVariable', 'ov'),
  variable('OutBuffer', 'ob'),
  variable('PipelineVariable', 'pv'),
  {
    name: 'Help',
    aliases: ['?', 'h'],
    kind: 'SwitchParameter',
    describe: 'Print this help',
    meaning: { is: 'help' },
  },
];
