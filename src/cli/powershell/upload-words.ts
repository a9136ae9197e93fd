// What `vhdup upload` gets for a command in the way of PowerShell.
import { existsSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { UsageError } from '../../errors.ts';
import type { Bound, Invocation } from './bind.ts';
import { isSwitch } from './parameter.ts';
import { quoted } from './words.ts';

/** PowerShell writes a provider in front of the full path of a file: Microsoft.PowerShell.Core\FileSystem::D:\a.vhd */
const PROVIDER = /^(?:Microsoft\.PowerShell\.Core\\)?FileSystem::/i;

/** The arguments and options of `vhdup upload`. @throws {UsageError} a parameter cannot be used. */
export function uploadWords(invocation: Invocation): string[] {
  const { set, bound, options, cmdlet } = invocation;
  const image = localFileOf(invocation);
  const destination = argumentOf(invocation, 'destination');
  for (const one of bound) {
    const { meaning } = one.parameter;
    if (meaning.is === 'refused' && !isOff(one)) throw new UsageError(meaning.why(commandText(invocation, [one])));
  }
  const defaults = cmdlet.parameters.filter(
    ({ name, meaning, defaultValue }) =>
      meaning.is === 'option' &&
      meaning.option === '--threads' &&
      defaultValue !== undefined &&
      !bound.some((one) => one.parameter.name === name) &&
      !options.some((option) => /^--threads(?:=|$)/.test(option)),
  );
  return [
    'upload',
    image,
    ...(destination === undefined ? [] : [destination]),
    ...set.implies,
    ...defaults.flatMap((parameter) => optionOf({ parameter, value: parameter.defaultValue ?? '' })),
    ...bound.flatMap(optionOf),
    ...options,
  ];
}

/** The full path of the image. */
export function localFileOf(invocation: Invocation): string {
  const path = (argumentOf(invocation, 'image') ?? '').replace(PROVIDER, '');
  const slashed = path.replaceAll('\\', '/');
  // PowerShell takes both slashes on every system: .\disk.vhd.
  return resolve(sep === '/' && !existsSync(path) && existsSync(slashed) ? slashed : path);
}

function argumentOf({ bound }: Invocation, name: 'image' | 'destination'): string | undefined {
  return bound.find(({ parameter: { meaning } }) => meaning.is === 'argument' && meaning.name === name)?.value;
}

type Value = Pick<Bound, 'parameter' | 'value'>;

function isOff({ parameter, value }: Value): boolean {
  return isSwitch(parameter) && value === 'false';
}

function optionOf(bound: Value): string[] {
  const { parameter, value } = bound;
  const { meaning } = parameter;
  if (isOff(bound)) return [];
  if (meaning.is === 'some-values') return meaning.values.includes(value) ? [meaning.option] : [];
  if (meaning.is !== 'option') return [];
  return [isSwitch(parameter) ? meaning.option : `${meaning.option}=${meaning.translate?.(value) ?? value}`];
}

/** Sentences about parameters that have no effect. */
export function notesOf({ bound }: Invocation): string[] {
  return bound.flatMap(({ parameter: { meaning }, typed, value }) => {
    const isUnused = meaning.is === 'ignored' || (meaning.is === 'some-values' && !meaning.values.includes(value));
    return isUnused ? [`${typed} has no effect: ${meaning.why}`] : [];
  });
}

/**
 * The command as the user wrote it, without a SAS.
 * @param without - Parameters to leave out.
 */
export function commandText({ cmdlet, bound, options }: Invocation, without: readonly Bound[] = []): string {
  const words = bound
    .filter((one) => !without.includes(one))
    .map(({ parameter, typed, value }) => {
      if (isSwitch(parameter)) return value === 'true' ? typed : `${typed}:$false`;
      const shown = parameter.kind === 'Uri' ? withoutSas(value) : value;
      // A value that begins with a dash would be taken for a parameter.
      return `${typed}${/^[-\u2013\u2014\u2015]/.test(shown) ? ':' : ' '}${quoted(shown)}`;
    });
  return [
    cmdlet.name,
    ...words,
    ...options.map((option) => (option.startsWith('--') ? withoutSas(option) : quoted(withoutSas(option)))),
  ].join(' ');
}

/** What follows a printed command if the user gave a SAS, which is not printed: a comment for PowerShell and for other shells. */
export const WITHOUT_SAS = '  # append the SAS to the URL';

/** A URL, or container/blob, without its SAS. Any other text is returned as it is. */
export function withoutSas(text: string): string {
  return /^[a-z]+:\/\/|[?&]sig=/i.test(text) ? text.replace(/\\?\?[\s\S]*$/, '') : text;
}
