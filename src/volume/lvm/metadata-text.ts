// The text format of LVM2: sections, numbers, strings and lists (lvm.conf(5), "Syntax"; lvm2, lib/config).
import { UnreadableError } from '../file-systems/opened-file-system.ts';

export type LvmValue = number | string | readonly (number | string)[] | LvmSection;

/** Sections and values by name, in the order of the text. */
export class LvmSection {
  readonly name: string;
  readonly #values = new Map<string, LvmValue>();

  constructor(name: string) {
    this.name = name;
  }

  set(name: string, value: LvmValue): void {
    if (this.#values.has(name)) throw new UnreadableError(`its metadata name ${this.name}/${name} twice`);
    this.#values.set(name, value);
  }

  /** A whole number from 0 to 2^53 - 1. @throws {UnreadableError} */
  number(name: string): number {
    const value = this.#values.get(name);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#lacks(name, 'a number');
  }

  /** @throws {UnreadableError} */
  text(name: string): string {
    const value = this.#values.get(name);
    if (typeof value === 'string') return value;
    throw this.#lacks(name, 'a text');
  }

  /** Empty if it is absent. A single value is a list of one. @throws {UnreadableError} it is a section. */
  list(name: string): readonly (number | string)[] {
    const value = this.#values.get(name);
    if (value instanceof LvmSection) throw this.#lacks(name, 'a list');
    if (value === undefined) return [];
    return typeof value === 'object' ? value : [value];
  }

  /** The sections in it. */
  get sections(): LvmSection[] {
    return [...this.#values.values()].filter((value) => value instanceof LvmSection);
  }

  /** Undefined if it is absent. @throws {UnreadableError} it is a value. */
  section(name: string): LvmSection | undefined {
    const value = this.#values.get(name);
    if (value === undefined || value instanceof LvmSection) return value;
    throw this.#lacks(name, 'a section');
  }

  #lacks(name: string, kind: string): UnreadableError {
    return new UnreadableError(`its metadata need ${kind} at ${this.name}/${name}`);
  }
}

const MAX_DEPTH = 8;
/** Names have at most 127 characters, numbers fewer. A regular expression needs a stack for longer ones. */
const MAX_WORD = 1024;
const MARKS = '{}[],=';
/** The text ends with a NUL. */
const BLANKS = ' \t\r\n\0';

interface Token {
  readonly mark?: string;
  readonly value?: string | number;
}

/** @throws {UnreadableError} with the place of the first fault. */
export function parseMetadata(text: string): LvmSection {
  const tokens = new Tokens(text);
  const root = new LvmSection('');
  parseSection(tokens, root, 0);
  return root;
}

/** Up to the closing brace, or to the end of the text for the root. */
function parseSection(tokens: Tokens, section: LvmSection, depth: number): void {
  for (;;) {
    const token = tokens.next();
    if (depth === 0 ? token === undefined : token?.mark === '}') return;
    if (token?.value === undefined) throw tokens.fault();
    const name = String(token.value);
    const mark = tokens.next()?.mark;
    if (mark === '{' && depth < MAX_DEPTH) {
      const child = new LvmSection(name);
      parseSection(tokens, child, depth + 1);
      section.set(name, child);
    } else if (mark === '=') section.set(name, parseValue(tokens));
    else throw tokens.fault();
  }
}

function parseValue(tokens: Tokens): LvmValue {
  const first = tokens.next();
  if (first?.value !== undefined) return first.value;
  if (first?.mark !== '[') throw tokens.fault();
  const list: (number | string)[] = [];
  for (let token = tokens.next(); token?.mark !== ']'; token = tokens.next()) {
    if (token?.mark === ',') continue;
    if (token?.value === undefined) throw tokens.fault();
    list.push(token.value);
  }
  return list;
}

class Tokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined at the end. */
  next(): Token | undefined {
    this.#skipBlanks();
    const first = this.#text[this.#at];
    if (first === undefined) return undefined;
    if (MARKS.includes(first)) {
      this.#at++;
      return { mark: first };
    }
    return { value: first === '"' ? this.#quoted() : this.#word() };
  }

  #skipBlanks(): void {
    for (let next = this.#text[this.#at]; next !== undefined; next = this.#text[this.#at]) {
      if (next === '#') this.#at = this.#lineEnd();
      else if (BLANKS.includes(next)) this.#at++;
      else return;
    }
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return end < 0 ? this.#text.length : end;
  }

  /** A backslash makes the next character part of the text. */
  #quoted(): string {
    const start = this.#at + 1;
    for (let at = start; at < this.#text.length; at++) {
      if (this.#text[at] === '\\') at++;
      else if (this.#text[at] === '"') {
        this.#at = at + 1;
        return this.#text.slice(start, at).replace(/\\(.)/gs, '$1');
      }
    }
    throw this.fault();
  }

  #word(): string | number {
    const start = this.#at;
    while (/[\w./+-]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const word = this.#text.slice(start, this.#at);
    if (word === '' || word.length > MAX_WORD) throw this.fault();
    return /^[-+]?\d+(?:\.\d+)?$/.test(word) ? Number(word) : word;
  }

  fault(): UnreadableError {
    return new UnreadableError(`its metadata are damaged at character ${this.#at}`);
  }
}
