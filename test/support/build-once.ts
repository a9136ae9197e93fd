// Tests of the command line run dist/, as users do. It is built once before all tests, unless it is newer than everything it is
// made from: test files run in parallel, and a build would remove the files that others use.
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = ['src', 'package.json', 'package-lock.json', 'tsconfig.json', 'esbuild.config.ts'];
/** The last file that a build writes. */
const LAST_OUTPUT = 'dist/vhdup.LICENSES.txt';

/** The global setup of the integration tests in vitest. */
export function setup(): void {
  const builtMs = changedMs(LAST_OUTPUT) ?? 0;
  if (SOURCES.every((source) => newestMs(source) < builtMs)) return;
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
}

/** When the file, or anything in the folder, was last changed, removed or added. */
function newestMs(path: string): number {
  const names = statSync(join(ROOT, path)).isDirectory()
    ? readdirSync(join(ROOT, path), { recursive: true, encoding: 'utf8' })
    : [];
  return Math.max(...[path, ...names.map((name) => join(path, name))].map((name) => changedMs(name) ?? 0));
}

function changedMs(path: string): number | undefined {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs;
}
