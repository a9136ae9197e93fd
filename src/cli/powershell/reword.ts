// Messages of vhdup upload in the words of a cmdlet: -OverWrite for --overwrite.
import type { Invocation } from './bind.ts';

/** Commands of other programs and of vhdup keep their own options. One of az ends where its clause does, others with the line. */
export const OTHER_COMMAND = String.raw`\baz [a-z](?:[^\n,.)]|[,.)](?![\s,.)]|$))*|\bvhdup (?:verify|disk|image|check|inspect|convert|upload) [^\n]*`;
export const OPTION = '--[a-z][a-z0-9-]*';

/**
 * A function that replaces the options of a message by the parameters that stand for them: in the spelling of the user, if given.
 */
export function rewordFor({ cmdlet, bound }: Pick<Invocation, 'cmdlet' | 'bound'>): (message: string) => string {
  const named = [...cmdlet.parameters.map((parameter) => ({ parameter, typed: `-${parameter.name}` })), ...bound];
  const names = new Map(
    named.flatMap(({ parameter: { meaning }, typed }) =>
      meaning.is === 'option' ? [[meaning.option, typed] as const] : [],
    ),
  );
  const pattern = new RegExp(`${OTHER_COMMAND}|vhdup --help|${OPTION}`, 'g');
  return (message) =>
    message.replace(pattern, (text) => (text === 'vhdup --help' ? `${cmdlet.name} -?` : (names.get(text) ?? text)));
}
