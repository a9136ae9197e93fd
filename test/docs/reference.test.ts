import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULE_SOURCES, type RuleSource } from '../../src/check/rule-sources.ts';
import { ALL_RULES } from '../../src/check/run-rules.ts';
import { EXIT_CODES } from '../../src/errors.ts';
import * as library from '../../src/index.ts';
import { codeRows, inlineCode, ROOT, readDocument, sectionOf } from '../support/documents.ts';

/** The names of the fields that a source declares. */
function fieldsIn(source: string): string[] {
  return [...source.matchAll(/readonly (\w+)\??:/g)].map(([, name = '']) => name);
}

describe('the reference pages', () => {
  it('list exactly the rules of check, each with its level', async () => {
    const rules = sectionOf(await readDocument('docs/checks.md'), '## Rules');
    const listed = codeRows(rules).map(([id = '', level = '']) => `${id.replaceAll('`', '')} ${level}`);
    expect(listed.sort()).toEqual(ALL_RULES.map(({ id, level }) => `${id} ${level}`).sort());
  });

  it('list the documents that the rules come from, and name those of each rule', async () => {
    const page = await readDocument('docs/checks.md');
    const documents: readonly RuleSource[] = Object.values(RULE_SOURCES);
    const list = sectionOf(page, '## Sources')
      .split('\n')
      .filter((line) => /^\d+\. /.test(line));
    expect(list).toEqual(
      documents.map(({ title, url }, index) => `${index + 1}. ${url === undefined ? title : `[${title}](${url})`}`),
    );
    const named = codeRows(sectionOf(page, '## Rules')).map((cells) => `${cells[0]} ${cells.at(-1)}`);
    const numbers = Object.keys(RULE_SOURCES);
    const expected = ALL_RULES.map(
      ({ id, sources }) => `\`${id}\` ${sources.map((name) => numbers.indexOf(name) + 1).join(', ')}`,
    );
    expect(named.sort()).toEqual(expected.sort());
  });

  it('name every rule of check at a step of the guides, and no other rule', async () => {
    const steps = sectionOf(await readDocument('docs/checks.md'), '## Marketplace guide and rules');
    const rows = steps.split('\n').filter((line) => line.startsWith('| '));
    const named = rows.flatMap((row) => inlineCode(row.split(' | ')[1] ?? ''));
    const ids = ALL_RULES.map(({ id }) => id);
    expect(ids.filter((id) => !named.includes(id))).toEqual([]);
    expect(named.filter((name) => !ids.includes(name))).toEqual([]);
  });

  it('list every exit code and the code of every error', async () => {
    const page = await readDocument('docs/exit-codes.md');
    const listed = [...page.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, codes = '']) => codes.split(', ').map(Number));
    expect(listed.sort((a, b) => a - b)).toEqual(Object.values(EXIT_CODES).sort((a, b) => a - b));
    const source = await readDocument('src/errors.ts');
    for (const [, code] of source.matchAll(/readonly code = '(\w+)'/g)) expect(inlineCode(page)).toContain(code);
  });

  it('list every event and all of its fields', async () => {
    const page = await readDocument('docs/json-events.md');
    const events = await readDocument('src/events.ts');
    const types = [...events.matchAll(/readonly type: '([a-z-]+)'/g)].map(([, type = '']) => type);
    expect(types).toContain('progress');
    for (const type of types) expect(page, type).toContain(`\n### \`${type}\`\n`);
    const totals = /interface ProgressTotals \{[\s\S]*?^\}/m.exec(await readDocument('src/transfer/progress.ts'))?.[0];
    const fields = fieldsIn(events + (totals ?? '')).filter((name) => name !== 'type');
    expect(fields).toEqual(expect.arrayContaining(['zeros', 'requestId']));
    expect(fields.filter((name) => !inlineCode(page).includes(name))).toEqual([]);
  });

  it('name every export of the library', async () => {
    const page = await readDocument('docs/library.md');
    expect(Object.keys(library).filter((name) => !page.includes(name))).toEqual([]);
  });
});

/** Messages of the page that vhdup does not write, and those that it puts together from parts. */
const NOT_IN_SOURCE = [
  // Azure Storage, Azure Resource Manager, and proxies.
  /^\d{3} [A-Z]/,
  /^Only blobs formatted as VHDs can be imported/,
  // The cmdlets.
  /cookie value/,
  /unsupported virtual size/,
  /must be a multiple of MiB/,
  // Windows and Node.
  /being used by another process/,
  /^self-signed certificate/,
  // Put together.
  /is for the account …, but the destination is/,
  /^The proxy asks for Negotiate or NTLM/,
  /^the answer … did not come from Azure Storage/,
];

describe('docs/troubleshooting.md', () => {
  it('quotes the messages as vhdup writes them, since users search for them', async () => {
    const files = await readdir(join(ROOT, 'src'), { recursive: true });
    const sources = files
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFile(join(ROOT, 'src', name), 'utf8'));
    const source = (await Promise.all(sources)).join('\n').replaceAll(/\$\{[^}]*\}/g, '…');
    const lines = (await readDocument('docs/troubleshooting.md')).split('\n');
    const quoted = lines.flatMap((line) =>
      line.startsWith('#')
        ? [...line.matchAll(/"([^"]+)"/g)].map(([, text = '']) => text)
        : line.startsWith('> ')
          ? [line.slice(2)]
          : [],
    );
    const ours = quoted.filter((text) => !NOT_IN_SOURCE.some((pattern) => pattern.test(text)));
    expect(ours.length).toBeGreaterThan(5);
    // Numbers and names stand for what the source fills in.
    const parts = ours.flatMap((text) => text.split(/…|\d+(?:\+\d+)?|Put Page|\. /)).map((part) => part.trim());
    expect(parts.filter((part) => part.length > 3 && !source.includes(part))).toEqual([]);
  });
});
