// Splits arguments into parameters, options and values as PowerShell does: every kind of dash and of quotation mark counts.

/** PowerShell takes all of these for a dash. Word processors and web pages write the last three. */
const DASH = '[-\u2013\u2014\u2015]';
const NAMED = new RegExp(`^${DASH}([A-Za-z?][\\w-]*)(?:(:)([\\s\\S]*))?$`, 'u');
const LONG = new RegExp(`^${DASH}{2}(?=[A-Za-z])`, 'u');

/** PowerShell takes every character of a group for the same quote. */
const QUOTES = ['"\u201c\u201d\u201e', "'\u2018\u2019\u201a\u201b"];

export type Word =
  /** `-Name`, `-Name:value` */
  | { readonly is: 'parameter'; readonly typed: string; readonly name: string; readonly value?: string }
  /** `--name`, `--name=value`: an option of vhdup upload. */
  | { readonly is: 'option'; readonly text: string }
  | { readonly is: 'value'; readonly text: string };

/** @param args - After the name of the cmdlet. Words after `--` are values. */
export function wordsOf(args: readonly string[]): Word[] {
  const end = args.indexOf('--');
  const [before, after] = end === -1 ? [args, []] : [args.slice(0, end), args.slice(end + 1)];
  return [...joinQuoted(before).map(wordOf), ...after.map((text): Word => ({ is: 'value', text }))];
}

function wordOf(text: string): Word {
  if (LONG.test(text)) return { is: 'option', text: text.replace(LONG, '--') };
  const [, name, colon, value = ''] = NAMED.exec(text) ?? [];
  if (name === undefined) return { is: 'value', text: unquoted(text) };
  // -Name: alone takes the next word, as -Name does.
  const given = colon === undefined || value === '' ? {} : { value: unquoted(value) };
  return { is: 'parameter', typed: `-${name}`, name, ...given };
}

/** Shells that do not know a quote split a quoted value at its blanks: “D:\My disks\a.vhd” becomes two words. */
function joinQuoted(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    const [, opening = ''] = new RegExp(`^(?:${DASH}\\w+:)?(.)`, 'u').exec(word) ?? [];
    const group = QUOTES.find((quotes) => quotes.includes(opening));
    const isClosed = (text: string) => group?.includes(text.slice(-1)) === true && text !== opening;
    const end =
      group === undefined || isClosed(word) ? at : args.findIndex((text, index) => index > at && isClosed(text));
    joined.push(args.slice(at, Math.max(at, end) + 1).join(' '));
    at = Math.max(at, end);
  }
  return joined;
}

function unquoted(text: string): string {
  const group = QUOTES.find((quotes) => quotes.includes(text.charAt(0)));
  return text.length > 1 && group?.includes(text.slice(-1)) === true ? text.slice(1, -1) : text;
}

/** The characters that need no quotes as an argument in PowerShell. */
const PLAIN = /^[A-Za-z0-9_./:\\][A-Za-z0-9_./:\\+-]*$/;

/** A word of a command as PowerShell reads it. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll(/['\u2018\u2019\u201a\u201b]/g, '$&$&')}'`;
}
