// Tests of the command line run what is in dist/, as users do. It is built once, before any of them:
// test files run side by side, and one that builds would take the files away from under the others.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** vitest's global setup of the integration tests. */
export function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
}
