// HTML as a template: everything that is inserted is escaped, unless it is HTML already.
import { printableText } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';

/** Text that is HTML. Only `html` and `raw` make it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Part = Html | string | number | undefined | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** `undefined` inserts nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, index) => text + textOf(parts[index])).join(''));
}

/** @param text - Our own: it is not escaped. */
export function raw(text: string): Html {
  return new Html(text);
}

function textOf(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escaped(part);
  return part.map(textOf).join('');
}

/** For text and for attributes in quotes. Secrets are removed, and characters that control or reorder text become visible. */
export function escaped(text: string): string {
  return printableText(redact(text)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
