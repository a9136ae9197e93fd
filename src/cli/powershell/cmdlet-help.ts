// The help of a cmdlet, made from its table.
import { wrapText } from '../screens/wrap-text.ts';
import { COMMON_PARAMETERS } from './common-parameters.ts';
import { type Cmdlet, isIn, isSwitch, type Parameter, type ParameterSet } from './parameter.ts';

const INDENT = '    ';

/** @param width - Of the terminal, in columns. */
export function cmdletHelp(cmdlet: Cmdlet, width: number): string {
  return [
    ...wrapText(`${cmdlet.describe}.`, width),
    '',
    'Syntax:',
    ...cmdlet.sets.flatMap((set) => [...indented(syntaxOf(cmdlet, set), width), '']),
    'Parameters:',
    ...cmdlet.parameters.flatMap((parameter) => parameterLines(parameter, cmdlet, width)),
    '',
    'Common parameters:',
    ...COMMON_PARAMETERS.flatMap((parameter) => parameterLines(parameter, cmdlet, width)),
    '',
    'Notes:',
    ...[...cmdlet.notes, ...notesFor(cmdlet)].flatMap((note) => indented(note, width)),
    '',
    'Examples:',
    ...cmdlet.examples.map((example) => `  ${example}`),
  ].join('\n');
}

function notesFor({ command = 'upload' }: Cmdlet): string[] {
  const options = command === 'upload' ? '--log-file or --delete-snapshots' : '--log-file or --format';
  return [
    'Names can be shortened, in any case: -local for -LocalFilePath. -Name:value and -Name value are the same.',
    `Options of vhdup ${command} can follow, such as --json (one object for ConvertFrom-Json), --sas-file, ${options}: vhdup ${command} --help lists them.`,
    `Exit codes are those of vhdup ${command}, in $LASTEXITCODE.`,
  ];
}

/** One line as Get-Help writes it: brackets around what can be left out. */
export function syntaxOf({ name, parameters }: Cmdlet, set: ParameterSet): string {
  const shown = parameters
    .filter((parameter) => isIn(parameter, set) && parameter.meaning.is !== 'refused')
    .sort((a, b) => (a.position ?? parameters.length) - (b.position ?? parameters.length));
  return [name, ...shown.map((parameter) => placeholder(parameter, set)), '[<CommonParameters>]'].join(' ');
}

function placeholder(parameter: Parameter, set: ParameterSet): string {
  const { name, kind, position, requiredIn } = parameter;
  const typed = position === undefined || isSwitch(parameter) ? `-${name}` : `[-${name}]`;
  const whole = isSwitch(parameter) ? typed : `${typed} <${kind}>`;
  return requiredIn?.includes(set.name) === true ? whole : `[${whole}]`;
}

function parameterLines(parameter: Parameter, cmdlet: Cmdlet, width: number): string[] {
  const { name, kind, aliases = [], choices, range, defaultValue, position, requiredIn = [] } = parameter;
  const type = isSwitch(parameter) ? '' : ` <${kind}>`;
  const isRequired = cmdlet.sets.some((set) => requiredIn.includes(set.name));
  const [set, ...others] = cmdlet.sets.filter((one) => isIn(parameter, one));
  const only = set !== undefined && others.length === 0 && cmdlet.sets.length > 1 ? [`for ${set.target}`] : [];
  const facts = [
    ...(isRequired ? [['required', ...only].join(' ')] : only),
    ...(position === undefined ? [] : [`position ${position}`]),
    ...(aliases.length === 0 ? [] : [`alias ${aliases.map((alias) => `-${alias}`).join(', ')}`]),
    ...(choices === undefined ? [] : [choices.join(', ')]),
    ...(range === undefined ? [] : [range.join(' to ')]),
    ...(defaultValue === undefined ? [] : [`default: ${defaultValue}`]),
  ];
  const text = `${parameter.describe}.${facts.length === 0 ? '' : ` [${facts.join('; ')}]`}`;
  return [`  -${name}${type}`, ...indented(text, width)];
}

function indented(text: string, width: number): string[] {
  return wrapText(text, width - INDENT.length).map((line) => `${INDENT}${line}`);
}
