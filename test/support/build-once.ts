// Tests of the command line run dist/, as users do. It is built once before all tests: test files run in parallel, and a build
// would remove the files that others use.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** The global setup of the integration tests in vitest. */
export function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
}
