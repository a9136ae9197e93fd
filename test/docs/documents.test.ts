import { stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  anchorsOf,
  codeBlocks,
  filesEndingWith,
  inlineCode,
  proseOf,
  ROOT,
  readDocument,
  sectionOf,
} from '../support/documents.ts';

function exists(path: string): Promise<boolean> {
  return stat(join(ROOT, path)).then(
    () => true,
    () => false,
  );
}

/** The targets of links that lead to files of the project, or to headings of the document itself. */
function relativeLinks(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

async function isBroken(from: string, link: string): Promise<boolean> {
  const [path = '', anchor] = link.split('#', 2);
  const target = path === '' ? from : posix.normalize(posix.join(dirname(from), path));
  if (!(await exists(target))) return true;
  return anchor !== undefined && !anchorsOf(await readDocument(target)).includes(anchor);
}

describe('documents', () => {
  it('have relative links that lead to an existing file and heading', async () => {
    const broken: string[] = [];
    for (const path of await filesEndingWith('.md')) {
      for (const link of relativeLinks(await readDocument(path))) {
        if (await isBroken(path, link)) broken.push(`${path}: ${link}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('can all be reached from the README', async () => {
    const reached = new Set<string>();
    const waiting = ['README.md'];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      reached.add(path);
      for (const link of relativeLinks(await readDocument(path))) {
        const target = posix.normalize(posix.join(dirname(path), link.split('#', 1)[0] ?? ''));
        if (target.endsWith('.md') && !reached.has(target) && (await exists(target))) waiting.push(target);
      }
    }
    const documents = await filesEndingWith('.md');
    expect(documents.filter((path) => !path.startsWith('.github/') && !reached.has(path))).toEqual([]);
  });

  it('start with a title', async () => {
    for (const path of await filesEndingWith('.md')) {
      if (!path.startsWith('.github/')) expect(await readDocument(path), path).toMatch(/^# \S/);
    }
  });

  it('are short if they are read first', async () => {
    const words = (await readDocument('README.md')).split(/\s+/).filter((word) => word !== '').length;
    expect(words).toBeGreaterThanOrEqual(600);
    expect(words).toBeLessThanOrEqual(900);
    expect((await readDocument('ARCHITECTURE.md')).trimEnd().split('\n').length).toBeLessThanOrEqual(120);
  });

  it('name an existing test for each invariant', async () => {
    const section = sectionOf(await readDocument('ARCHITECTURE.md'), '## Invariants');
    const rows = section.split('\n').filter((line) => /^\| \d/.test(line));
    expect(rows).toHaveLength(11);
    for (const row of rows) {
      const tests = inlineCode(row).filter((text) => text.startsWith('test/'));
      expect(tests, row).not.toEqual([]);
      for (const path of tests) expect(await exists(path), path).toBe(true);
    }
  });

  it('have decisions that are numbered without gaps and have the same parts', async () => {
    const decisions = (await filesEndingWith('.md')).filter((path) => /^docs\/decisions\/\d/.test(path));
    for (const [index, path] of decisions.entries()) {
      expect(path).toContain(`/${String(index + 1).padStart(4, '0')}-`);
      const text = await readDocument(path);
      expect(text, path).toMatch(new RegExp(`^# ${index + 1}\\. `));
      const headings = ['Context', 'Decision', 'What decided it', 'Consequences'];
      expect([...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title)).toEqual(headings);
    }
  });

  it('show in the README the commands that CI runs', async () => {
    const workflow = await readDocument('.github/workflows/ci.yml');
    const [demo, tests] = codeBlocks(await readDocument('README.md')).filter(({ language }) => language === 'sh');
    expect(demo?.lines).toEqual(['npm ci && npm run demo']);
    expect(tests?.lines).toEqual(['npm test']);
    for (const command of [demo, tests]) expect(workflow).toContain(`run: ${command?.lines.join('')}\n`);
  });
});
