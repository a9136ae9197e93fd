// The workflows run on GitHub only. What can be checked without it: their form, and that what they run exists.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { LINES } from '../nodes/lines.ts';
import { filesEndingWith, ROOT, readDocument } from '../support/documents.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Job {
  readonly 'runs-on': string;
  readonly 'timeout-minutes': number;
  readonly strategy?: {
    readonly matrix: { readonly os: string[]; readonly node: string[]; readonly include: object[] };
  };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: object;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

async function workflows(): Promise<Map<string, Workflow>> {
  const paths = (await filesEndingWith('.yml')).filter((path) => path.startsWith('.github/workflows/'));
  return new Map(await Promise.all(paths.map(async (path) => [path, parse(await readDocument(path))] as const)));
}

function stepsOf({ jobs }: Workflow): Step[] {
  return Object.values(jobs).flatMap(({ steps }) => steps);
}

describe('the workflows', () => {
  it('have permissions, and jobs with a limit of time whose steps either use an action or run commands', async () => {
    const all = await workflows();
    expect([...all.keys()]).toEqual(['.github/workflows/ci.yml', '.github/workflows/release.yml']);
    for (const [path, { on, permissions, jobs }] of all) {
      expect(Object.keys(on), path).not.toEqual([]);
      expect(Object.keys(permissions), path).not.toEqual([]);
      for (const [name, job] of Object.entries(jobs)) {
        expect(job['runs-on'], name).toBeTypeOf('string');
        expect(job['timeout-minutes'], name).toBeGreaterThan(0);
        for (const { uses, run } of job.steps) {
          expect(
            [uses, run].filter((one) => one !== undefined),
            name,
          ).toHaveLength(1);
          if (uses !== undefined) expect(uses, name).toMatch(/^actions\/[\w-]+@v\d+$/);
        }
      }
    }
  });

  it('run scripts that exist, and install programs by the same script as all other runs', async () => {
    const { scripts } = JSON.parse(await readDocument('package.json'));
    for (const [path, workflow] of await workflows()) {
      const commands = stepsOf(workflow)
        .map(({ run = '' }) => run)
        .join('\n');
      for (const [, script = ''] of commands.matchAll(/npm (?:run )?(test|(?<=run )[\w:]+)/g)) {
        expect(Object.keys(scripts), path).toContain(script);
      }
      expect(commands, path).not.toMatch(/apt(?:-get)? /);
      expect(commands, path).toContain('.ci/install-tools');
    }
    expect(await readDocument('.ci/run')).toContain('.ci/install-tools');
    if (process.platform !== 'win32') expect(statSync(join(ROOT, '.ci/install-tools')).mode & 0o111).toBe(0o111);
  });

  it('test each line of Node on each system, and the oldest version', async () => {
    const { strategy } = (await workflows()).get('.github/workflows/ci.yml')?.jobs['test'] ?? {};
    expect(strategy?.matrix.os).toEqual(['ubuntu-latest', 'windows-latest', 'macos-latest']);
    expect(strategy?.matrix.node).toEqual(LINES.map(({ name }) => name));
    const { engines } = JSON.parse(await readDocument('package.json'));
    expect(strategy?.matrix.include).toEqual([{ os: 'ubuntu-latest', node: engines.node.replace('>=', '') }]);
  });

  it('release only what names its repository', async () => {
    const release = await readDocument('.github/workflows/release.yml');
    expect(release).toMatch(/npm run build:exe -- .*--release$/m);
    expect(release.indexOf('npm pkg set repository')).toBeLessThan(release.indexOf('npm run build:exe'));
  });
});
