// The PowerShell code of one function: its help, its parameters and its body.
import type { ModuleFunction } from './functions.ts';
import { literal } from './literal.ts';
import type { ModuleParameter } from './parameters.ts';
import { inParameters } from './tables.ts';

const TYPES = {
  string: '[string]',
  'string[]': '[string[]]',
  int: '[int]',
  uri: '[uri]',
  switch: '[switch]',
  object: '[object]',
} as const;

export function functionText(one: ModuleFunction): string {
  const { name, sets, changes, output, parameters } = one;
  const binding = [
    `DefaultParameterSetName = ${literal(sets[0] ?? '')}`,
    ...(changes ? ['SupportsShouldProcess = $true'] : []),
  ];
  return `function ${name} {
    <#
${helpOf(one)}
    #>
    [CmdletBinding(${binding.join(', ')})]
    [OutputType(${literal(output)})]
    param(
${parameters.map(parameterText).join(',\n\n')}
    )
    process {
        Import-VhdupPreference $PSCmdlet $PSBoundParameters
        Invoke-VhdupFunction $PSCmdlet $PSBoundParameters
    }
}`;
}

function helpOf({ synopsis, description, parameters, examples, output }: ModuleFunction): string {
  const sections: (readonly [keyword: string, ...lines: string[]])[] = [
    ['.SYNOPSIS', synopsis],
    ['.DESCRIPTION', ...description.flatMap((paragraph) => ['', paragraph]).slice(1)],
    ...parameters
      .filter(({ isHidden }) => isHidden !== true)
      .map((parameter) => [`.PARAMETER ${parameter.name}`, `${inParameters(parameter.describe)}.`] as const),
    ...examples.map(([code, text]) => ['.EXAMPLE', code, '', text] as const),
    ['.OUTPUTS', output],
  ];
  return sections
    .flat()
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n');
}

function parameterText(parameter: ModuleParameter): string {
  const { name, aliases, type, choices, range } = parameter;
  const attributes = [
    ...bindingsOf(parameter),
    ...(aliases.length === 0 ? [] : [`[Alias(${aliases.map(literal).join(', ')})]`]),
    ...(choices === undefined ? [] : [`[ValidateSet(${choices.map(literal).join(', ')})]`]),
    ...(range === undefined ? [] : [`[ValidateRange(${range.join(', ')})]`]),
    `${TYPES[type]} $${name}`,
  ];
  return attributes.map((line) => `        ${line}`).join('\n');
}

/** One attribute for each parameter set that it belongs to. */
function bindingsOf({ position, sets, isMandatory, fromPipeline, takesRest, isHidden }: ModuleParameter): string[] {
  const facts = [
    ...(position === undefined ? [] : [`Position = ${position}`]),
    ...(isMandatory === true ? ['Mandatory = $true'] : []),
    ...(fromPipeline === 'value' ? ['ValueFromPipeline = $true'] : []),
    ...(fromPipeline === undefined ? [] : ['ValueFromPipelineByPropertyName = $true']),
    ...(takesRest === true ? ['ValueFromRemainingArguments = $true'] : []),
    ...(isHidden === true ? ['DontShow = $true'] : []),
  ];
  if (sets === undefined) return facts.length === 0 ? [] : [`[Parameter(${facts.join(', ')})]`];
  return sets.map((set) => `[Parameter(${[`ParameterSetName = ${literal(set)}`, ...facts].join(', ')})]`);
}
