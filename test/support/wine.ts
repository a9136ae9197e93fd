// A Windows with drives of its own, by Wine: https://www.winehq.org
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunningProgram } from './command-line.ts';
import { findProgram, type StartOptions } from './executables.ts';

/** Debian has its programs outside of PATH. */
const FOLDERS = ['/usr/lib/wine'];
const PROGRAM = findProgram('wine64', FOLDERS) ?? findProgram('wine');
const SERVER = findProgram('wineserver', FOLDERS) ?? findProgram('wineserver64', FOLDERS);

export const hasWine = PROGRAM !== undefined && SERVER !== undefined;
export const NO_WINE = 'Wine is absent: apt install wine64';

/** Call `close` at the end. */
export class Wine {
  readonly #home = mkdtempSync(join(tmpdir(), 'vhdup-wine-'));
  readonly #program: string;
  readonly #server: string;

  /** @throws {Error} without Wine. */
  constructor() {
    if (PROGRAM === undefined || SERVER === undefined) throw new Error(NO_WINE);
    this.#program = PROGRAM;
    this.#server = SERVER;
    execFileSync(this.#program, ['wineboot', '--init'], { env: this.#environment, stdio: 'ignore' });
    // Wine begins as Windows 7, on which Node does not run.
    const version = ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'];
    execFileSync(this.#program, version, { env: this.#environment, stdio: 'ignore' });
    // All processes of the preparation have ended when this returns.
    execFileSync(this.#server, ['--wait'], { env: this.#environment });
  }

  /** The folder that is drive C. */
  get driveC(): string {
    return join(this.#home, 'prefix/drive_c');
  }

  /** @param letter - As in "d". */
  addDrive(letter: string, folder: string): void {
    symlinkSync(folder, join(this.#home, `prefix/dosdevices/${letter}:`));
  }

  /** Starts a Windows program, and ends it with the test. `cwd` is a folder of Linux. */
  start(program: string, args: readonly string[], { env, cwd = this.driveC }: StartOptions = {}): RunningProgram {
    // Into files: Node cannot open the pipes of Linux as pipes of Windows.
    const outputs = mkdtempSync(join(this.#home, 'output-'));
    const paths = { stdout: join(outputs, 'stdout'), stderr: join(outputs, 'stderr') };
    const files = [openSync(paths.stdout, 'w'), openSync(paths.stderr, 'w')];
    const child = spawn(this.#program, [program, ...args], {
      env: { ...this.#environment, ...env },
      cwd,
      stdio: ['ignore', ...files],
    });
    for (const file of files) closeSync(file);
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'close').then(([exitCode]) => ({
      exitCode,
      stdout: readFileSync(paths.stdout, 'utf8'),
      stderr: readFileSync(paths.stderr, 'utf8'),
    }));
    return { child, ended };
  }

  close(): void {
    // Fails if none runs any more.
    spawnSync(this.#server, ['--kill'], { env: this.#environment });
    execFileSync(this.#server, ['--wait'], { env: this.#environment });
    rmSync(this.#home, { recursive: true, force: true });
  }

  get #environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      HOME: this.#home,
      WINEPREFIX: join(this.#home, 'prefix'),
      WINEDEBUG: '-all',
      // Neither .NET nor a browser, which Wine would offer to install.
      WINEDLLOVERRIDES: 'mscoree,mshtml=',
      LANG: 'C.UTF-8',
    };
  }
}

/** The path of a file of Linux on drive Z. */
export function windowsPath(path: string): string {
  return `Z:${path.replaceAll('/', '\\')}`;
}
