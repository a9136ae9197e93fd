// Writes YAML as winget has it: keys and scalars, lists, and maps in lists.

export type YamlValue = string | number | readonly YamlValue[] | { readonly [key: string]: YamlValue };

/** Plain scalars that no reader takes for anything but this text. */
const PLAIN = /^[A-Za-z][\w ./-]*\w$/;
const RESERVED = /^(?:true|false|yes|no|on|off|null)$/i;

export function yaml(value: { readonly [key: string]: YamlValue }): string {
  return `${linesOf(value).join('\n')}\n`;
}

function linesOf(value: YamlValue): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => indented(linesOf(item), '- ', '  '));
  if (typeof value !== 'object') return [scalar(value as string | number)];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'object' ? [`${key}:`, ...indented(linesOf(inner), '  ', '  ')] : [`${key}: ${scalar(inner)}`],
  );
}

function indented(lines: readonly string[], first: string, rest: string): string[] {
  return lines.map((line, index) => `${index === 0 ? first : rest}${line}`);
}

function scalar(value: string | number): string {
  if (typeof value === 'number') return String(value);
  // A JSON string is a YAML string.
  return PLAIN.test(value) && !RESERVED.test(value) ? value : JSON.stringify(value);
}
