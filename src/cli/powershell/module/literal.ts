// Values as PowerShell code.

type Value = string | boolean | readonly Value[] | { readonly [key: string]: Value };

/** A string in single quotes. PowerShell takes typographic quotation marks for quotes too. */
export function literal(text: string): string {
  return `'${text.replaceAll(/['\u2018-\u201b]/g, '$&$&')}'`;
}

/** A string of any characters as an expression in ASCII: a console may change others. */
export function asciiLiteral(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return literal(text);
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `[regex]::Unescape(${literal(escaped)})`;
}

/** A literal of any value: strings, arrays and hash tables. */
export function literalOf(value: Value, indent = ''): string {
  if (typeof value === 'string') return literal(value);
  if (typeof value === 'boolean') return value ? '$true' : '$false';
  if (isArray(value)) return `@(${value.map((one) => literalOf(one, indent)).join(', ')})`;
  const inner = `${indent}    `;
  const lines = Object.entries(value).map(([key, one]) => `${inner}${literal(key)} = ${literalOf(one, inner)}`);
  return lines.length === 0 ? '@{}' : `@{\n${lines.join('\n')}\n${indent}}`;
}

function isArray(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
