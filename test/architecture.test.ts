// Which part of src/ may import which: checked by the imports of every file, including those of types.
import { readdirSync, readFileSync } from 'node:fs';
import { posix, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const RESULTS = 'errors events options validate-options';

/** The folders of src/ and the files at its root, each with the parts that it may import. Imports only go down. */
const MAY_IMPORT: Readonly<Record<string, string>> = {
  base: '',
  errors: 'base',
  events: 'base errors',
  options: 'base errors events azure image target transfer',
  'validate-options': 'base errors options target',

  image: 'base errors',
  volume: 'base errors image',
  target: 'base errors image',
  state: 'base errors',
  transfer: 'base errors events options target',
  azure: 'base errors events target',
  remote: `base ${RESULTS} azure state transfer target image volume`,

  check: `base ${RESULTS} remote azure state transfer target image volume`,
  inspect: `base ${RESULTS} image volume transfer`,
  convert: `base ${RESULTS} image volume transfer target`,
  download: `base ${RESULTS} remote state transfer target image volume`,
  verify: `base ${RESULTS} remote azure state transfer target image volume`,
  manage: `base ${RESULTS} remote azure state transfer target image verify download`,
  upload: `base ${RESULTS} remote azure state transfer target image volume verify check`,

  report: `base ${RESULTS} image state verify download`,

  cli: `base ${RESULTS} report azure target image volume upload download verify convert check inspect manage`,
  index: `base ${RESULTS} report azure target image transfer upload download verify convert check inspect manage`,
};

/** Files that contain only types, and may import only types. */
const TYPES_ONLY = ['events.ts', 'options.ts'];

/** The parts that may import each package. */
const OWNERS: Readonly<Record<string, string>> = {
  '@azure/core-rest-pipeline': 'azure',
  '@azure/identity': 'azure',
  '@azure/storage-blob': 'azure',
  'cli-progress': 'cli',
  'hash-wasm': 'base image',
  koffi: 'image cli',
  'p-limit': 'transfer remote verify upload',
  'string-width': 'cli',
  yargs: 'cli',
};

/** Files outside cli/ that may use the process. They read variables that the system or its tools define. */
const READ_THE_PROCESS = ['azure/network/proxy.ts', 'target/local-file.ts'];

/** The files that connect to a service, and so own the retries of its requests. */
const OWN_RETRIES = ['remote/arm-session.ts', 'remote/connect.ts'];

const MAX_FILES_AT_ROOT = 10;

/** What the command line loads when a command runs, not when it starts. */
const LOADED_LATER = [
  '@azure/core-rest-pipeline',
  '@azure/identity',
  '@azure/storage-blob',
  'hash-wasm',
  'koffi',
  'p-limit',
];
/** The folders of `src/` whose main files are loaded later, too. */
const MAY_WAIT = /^(?:manage|remote|report|transfer|upload|volume)\//;

interface Import {
  readonly line: string;
  readonly specifier: string;
  /** Path of the imported file in src/; undefined for packages. */
  readonly target: string | undefined;
}

const SOURCES = new Map(
  readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?<!\.d)\.ts$/.test(path))
    .map((path) => path.split(sep).join('/'))
    .map((path) => [path, readFileSync(`src/${path}`, 'utf8')] as const),
);
const IMPORTS = new Map([...SOURCES].map(([path, text]) => [path, importsOf(path, text)] as const));

function importsOf(path: string, text: string): Import[] {
  const statements = /^(?:import|export)\b[^'";]*?from '([^']+)';|^import '([^']+)';|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(statements)].map(([statement, ...found]) => {
    const specifier = found.find((one) => one !== undefined) ?? '';
    return {
      line: `${path}: ${statement.replace(/\s+/g, ' ').replace(/, }/, ' }')}`,
      specifier,
      target: specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined,
    };
  });
}

/** The folder of a file, or the name of a file at the root. */
function partOf(path: string): string {
  return path.split('/', 1)[0]?.replace(/\.ts$/, '') ?? '';
}

function linesWhere(isWrong: (path: string, one: Import) => boolean): string[] {
  return [...IMPORTS].flatMap(([path, imports]) => imports.filter((one) => isWrong(path, one)).map(({ line }) => line));
}

describe('src/', () => {
  it('is read completely', () => {
    expect(SOURCES.size).toBeGreaterThan(200);
    const relative = [...IMPORTS.values()].flat().flatMap(({ target }) => target ?? []);
    expect(relative.length).toBeGreaterThan(1000);
    // A file that is not found would not be checked.
    expect(relative.filter((target) => !SOURCES.has(target) && !target.endsWith('.d.ts'))).toEqual([]);
    const words = [...SOURCES.values()].flatMap((text) => text.match(/\bfrom '|^import '|\bimport\('/gm) ?? []);
    expect([...IMPORTS.values()].flat().length).toBe(words.length);
  });

  it('has exactly the parts in the table', () => {
    expect(Object.keys(MAY_IMPORT).sort()).toEqual([...new Set([...SOURCES.keys()].map(partOf))].sort());
  });

  it('imports only downwards', () => {
    const upward = linesWhere((path, { target }) => {
      const [from, to] = [partOf(path), target && partOf(target)];
      return to !== undefined && to !== from && !MAY_IMPORT[from]?.split(' ').includes(to);
    });
    expect(upward).toEqual([]);
  });

  it('has a table without circles between folders', () => {
    const isFolder = (part: string) => [...SOURCES.keys()].some((path) => path.startsWith(`${part}/`));
    const graph = Object.entries(MAY_IMPORT).map(
      ([part, others]) => [part, others.split(' ').filter(isFolder)] as const,
    );
    expect(circlesIn(new Map(graph))).toEqual([]);
  });

  it('has no circles between files, types included', () => {
    const graph = [...IMPORTS].map(([path, imports]) => [path, imports.flatMap(({ target }) => target ?? [])] as const);
    expect(circlesIn(new Map(graph))).toEqual([]);
  });

  it('has type files that import only types', () => {
    const isValue = ({ line }: Import) => !/: (?:import|export) type /.test(line);
    expect(linesWhere((path, one) => TYPES_ONLY.includes(path) && isValue(one))).toEqual([]);
  });

  it('imports packages only in the parts that own them', () => {
    const strangers = linesWhere((path, { specifier, target }) => {
      if (target !== undefined || specifier.startsWith('node:')) return false;
      return !OWNERS[specifier]?.split(' ').includes(partOf(path));
    });
    expect(strangers).toEqual([]);
  });

  it('starts without what only some commands need', () => {
    const isNow = ({ line }: Import) => !/: (?:import|export) type |: import\('/.test(line);
    const graph = [...IMPORTS].map(
      ([path, imports]) => [path, imports.filter(isNow).map(({ target, specifier }) => target ?? specifier)] as const,
    );
    const loaded = [...reachableFrom('cli/start.ts', new Map(graph))];
    expect(loaded).toContain('cli/commands/upload.ts');
    expect(loaded.filter((one) => LOADED_LATER.includes(one) || MAY_WAIT.test(one))).toEqual([]);
  });

  it('leaves the process and the console to the command line', () => {
    const own = /\bprocess\.(?:env|stdin|stdout|stderr|argv|exit|exitCode|on|once)\b|\bconsole\.|\bglobalThis\b/;
    const readers = [...SOURCES].filter(([path, text]) => partOf(path) !== 'cli' && own.test(text));
    expect(readers.map(([path]) => path).sort()).toEqual(READ_THE_PROCESS);
  });

  it('starts threads in one place', () => {
    const starters = [...SOURCES].filter(([, text]) => /new Worker\(|eval: true/.test(text));
    expect(starters.map(([path]) => path)).toEqual(['base/worker-thread.ts']);
  });

  it('retries requests where it connects, and nowhere else', () => {
    const owners = [...SOURCES].filter(([, text]) => /new Retrier\(/.test(text));
    expect(owners.map(([path]) => path).sort()).toEqual(OWN_RETRIES);
  });

  it(`has at most ${MAX_FILES_AT_ROOT} files at its root`, () => {
    const atRoot = [...SOURCES.keys()].filter((path) => !path.includes('/'));
    expect(atRoot.length, atRoot.join(' ')).toBeLessThanOrEqual(MAX_FILES_AT_ROOT);
  });
});

describe('circlesIn', () => {
  it('finds exactly the members of each circle', () => {
    const graph = { a: ['b'], b: ['c', 'd'], c: ['b'], d: ['e'], e: [], f: ['f'], g: ['h'], h: ['i'], i: ['g', 'a'] };
    expect(circlesIn(new Map(Object.entries(graph)))).toEqual(['b c', 'f', 'g h i']);
  });
});

/** The groups of nodes that reach one another, each as sorted names. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const reachable = new Map([...graph.keys()].map((node) => [node, reachableFrom(node, graph)] as const));
  const circles = [...graph.keys()]
    .filter((node) => reachable.get(node)?.has(node))
    .map((node) =>
      [...graph.keys()].filter((other) => reachable.get(node)?.has(other) && reachable.get(other)?.has(node)),
    );
  return [...new Set(circles.map((circle) => circle.sort().join(' ')))].sort();
}

function reachableFrom(start: string, graph: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const next = [...(graph.get(start) ?? [])];
  for (let node = next.pop(); node !== undefined; node = next.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    next.push(...(graph.get(node) ?? []));
  }
  return reached;
}
