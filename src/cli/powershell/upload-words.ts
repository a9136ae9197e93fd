// What `vhdup upload` or `vhdup download` gets for a command with the parameters of PowerShell.
import { existsSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { UsageError } from '../../errors.ts';
import type { Bound, Invocation } from './bind.ts';
import { type ArgumentName, isSwitch } from './parameter.ts';
import { quoted } from './words.ts';

/** PowerShell writes a provider in front of the full path of a file: Microsoft.PowerShell.Core\FileSystem::D:\a.vhd */
const PROVIDER = /^(?:Microsoft\.PowerShell\.Core\\)?FileSystem::/i;

/** The command of vhdup with its arguments and options. @throws {UsageError} a parameter cannot be used. */
export function uploadWords(invocation: Invocation): string[] {
  const { set, bound, options, cmdlet } = invocation;
  const file = localFileOf(invocation);
  const [destination, source] = [argumentOf(invocation, 'destination'), argumentOf(invocation, 'source')];
  assertNoneRefused(invocation);
  const dryRun = bound.find((one) => optionOf(one).includes('--dry-run'));
  if (source !== undefined && dryRun !== undefined) {
    throw new UsageError(`A download has no dry run, so ${cmdlet.name} does not take ${dryRun.typed}. Leave it out.`);
  }
  const isGiven = (name: string) => options.some((option) => option === name || option.startsWith(`${name}=`));
  const defaults = cmdlet.parameters.filter(
    ({ name, meaning, defaultValue }) =>
      meaning.is === 'option' &&
      meaning.option === '--threads' &&
      defaultValue !== undefined &&
      !bound.some((one) => one.parameter.name === name) &&
      !isGiven('--threads'),
  );
  return [
    ...(source === undefined ? ['upload', file] : ['download', source, file]),
    ...(destination === undefined ? [] : [destination]),
    ...set.implies.filter((word) => !isGiven(word.replace(/=.*$/, ''))),
    ...defaults.flatMap((parameter) => optionOf({ parameter, value: parameter.defaultValue ?? '' })),
    ...bound.flatMap(optionOf),
    ...options,
  ];
}

/**
 * @param among - Which of the parameters to look at. @default all
 * @throws {UsageError} vhdup does not support one of them.
 */
export function assertNoneRefused(invocation: Invocation, among: (one: Bound) => boolean = () => true): void {
  for (const one of invocation.bound.filter(among)) {
    const { meaning } = one.parameter;
    if (meaning.is === 'refused' && !isOff(one)) throw refusedParameter(invocation, one, meaning.why);
  }
}

function refusedParameter(invocation: Invocation, one: Bound, why: (command: string) => string): UsageError {
  const command = commandText(invocation, [one]);
  const text = why(command);
  // A comment would swallow what follows the command.
  const hint = text.includes(command) && !isShownWhole(invocation) ? APPEND_SAS : '';
  return new UsageError(`${text}${hint}`);
}

/** Whether `commandText` shows everything that the user gave: it leaves a SAS out. */
export function isShownWhole({ bound }: Pick<Invocation, 'bound'>): boolean {
  return bound.every(({ value }) => withoutSas(value) === value);
}

/** The full path of the image, or of the file to write. */
export function localFileOf(invocation: Invocation): string {
  const given = argumentOf(invocation, 'image') ?? argumentOf(invocation, 'file') ?? '';
  const path = given.replace(PROVIDER, '');
  const slashed = path.replaceAll('\\', '/');
  // PowerShell takes both slashes on every system: .\disk.vhd. A file to write does not exist, but its folder does.
  const isSlashed = existsSync(slashed) || (!path.includes('/') && path.includes('\\') && existsSync(dirname(slashed)));
  return resolve(sep === '/' && !existsSync(path) && isSlashed ? slashed : path);
}

function argumentOf({ bound }: Invocation, name: ArgumentName): string | undefined {
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

const APPEND_SAS = ' The SAS is not shown here: append it to the URL again, or set AZURE_STORAGE_SAS_TOKEN.';

/** A URL, or container/blob, without its SAS. Any other text is returned as it is. */
export function withoutSas(text: string): string {
  return /^[a-z]+:\/\/|[?&]sig=/i.test(text) ? text.replace(/\\?\?[\s\S]*$/, '') : text;
}
