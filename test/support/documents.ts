// Parses the documents of the project for tests: files, code blocks, tables, command lines.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** Folders with documents or scripts. At the root only files are searched. */
const FOLDERS = ['docs', 'examples', 'bench', 'test', '.github'] as const;
const NOT_OURS = /(?:^|[\\/])(?:node_modules|out)[\\/]/;

/** Paths from the root, with forward slashes. */
export async function filesEndingWith(...endings: readonly string[]): Promise<string[]> {
  const atRoot = await readdir(ROOT);
  const below = await Promise.all(
    FOLDERS.map(async (folder) => {
      const names = await readdir(join(ROOT, folder), { recursive: true });
      return names.map((name) => join(folder, name));
    }),
  );
  return [...atRoot, ...below.flat()]
    .filter((path) => endings.some((ending) => path.endsWith(ending)) && !NOT_OURS.test(path))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

export async function readDocument(path: string): Promise<string> {
  return await readFile(join(ROOT, path), 'utf8');
}

export interface CodeBlock {
  /** Empty if the fence names none. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** Fenced code blocks. Lines that end with a backslash are joined with the next one. */
export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    lines: text
      .replace(/\\\n\s*/g, '')
      .trimEnd()
      .split('\n'),
  }));
}

/** Markdown without its fenced code blocks. */
export function proseOf(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, '');
}

/** Texts between single backticks. */
export function inlineCode(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text.replaceAll('\\|', '|'));
}

/** The text below a heading, up to the next heading of the same or a higher level. */
export function sectionOf(markdown: string, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0;
  const [, after] = markdown.split(`${heading}\n`);
  if (after === undefined) throw new Error(`There is no heading "${heading}".`);
  return after.split(new RegExp(`^#{1,${level}} `, 'm'))[0] ?? '';
}

/** The cells of all table rows whose first cell starts with code. */
export function codeRows(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The anchors of a document's headings, as GitHub creates them. */
export function anchorsOf(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The words after `vhdup` in a shell line or a text, up to the end of the command; undefined if there is no such command. */
export function vhdupArguments(line: string): string[] | undefined {
  const match = /(?:^|\s)vhdup (?=[-a-z])(.*)$/.exec(line);
  if (match === null || /^\s*#/.test(line)) return undefined;
  const words = (match[1] ?? '').match(/"[^"]*"|'[^']*'|[^\s;]+|;/g) ?? [];
  const end = words.findIndex((word) => /^(?:;|\||\|\||&&|>|<|#)$/.test(word));
  return end === -1 ? words : words.slice(0, end);
}
