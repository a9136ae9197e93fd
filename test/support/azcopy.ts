// AzCopy as an independent uploader and downloader, without touching the settings and job files of the user who runs the tests.

import { spawn } from 'node:child_process';
import { access, chmod, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = '@azure-tools/azcopy-linux';
const VERSION = '10.32.2';
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/azcopy', import.meta.url));

/** The path of AzCopy, or the reason why there is none. */
export type AzcopySearch = { readonly path: string } | { readonly path: undefined; readonly reason: string };

/** The output and the exit code of AzCopy. */
export interface AzcopyResult {
  readonly exitCode: number;
  readonly output: string;
}

let search: Promise<AzcopySearch> | undefined;

/** Looks for AzCopy: VHDUP_AZCOPY, the PATH, and on Linux x64 the package from the npm registry, installed once into node_modules/.cache. */
export function findAzcopy(): Promise<AzcopySearch> {
  search ??= searchAzcopy();
  return search;
}

/** Downloads a blob (SAS URL) into a file. */
export function azcopyDownload(url: string, file: string): Promise<AzcopyResult> {
  return azcopy(azcopyDownloadArgs(url, file));
}

/** The arguments of a download. */
export function azcopyDownloadArgs(url: string, file: string): string[] {
  return ['copy', url, file, '--from-to=BlobLocal'];
}

/** Uploads a file as a page blob (SAS URL); `options` are further arguments such as `--block-size-mb=1`. */
export function azcopyUpload(file: string, url: string, options: readonly string[] = []): Promise<AzcopyResult> {
  return azcopy([...azcopyUploadArgs(file, url), ...options]);
}

/** The arguments of an upload as a page blob. */
export function azcopyUploadArgs(file: string, url: string): string[] {
  return ['copy', file, url, '--from-to=LocalBlob', '--blob-type=PageBlob'];
}

/** Environment variables that keep AzCopy's settings, logs and plans in a folder. */
export function azcopyEnvironment(home: string): Record<string, string> {
  return {
    HOME: home,
    USERPROFILE: home,
    AZCOPY_LOG_LOCATION: join(home, 'logs'),
    AZCOPY_JOB_PLAN_LOCATION: join(home, 'plans'),
    AZCOPY_DISABLE_SYSLOG: 'true',
  };
}

/** Runs AzCopy with temporary home, log and plan folders. @throws if there is no AzCopy. */
export async function azcopy(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<AzcopyResult> {
  const found = await findAzcopy();
  if (found.path === undefined) throw new Error(found.reason);
  const home = await mkdtemp(join(tmpdir(), 'vhdup-azcopy-'));
  try {
    return await run(found.path, args, { ...process.env, ...azcopyEnvironment(home), ...env });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function searchAzcopy(): Promise<AzcopySearch> {
  const named = process.env['VHDUP_AZCOPY'];
  const candidates = named === undefined ? installedPaths() : [named];
  for (const path of candidates) {
    if (await isExecutable(path)) return checked(path);
  }
  if (named !== undefined) return { path: undefined, reason: `VHDUP_AZCOPY names ${named}, which cannot be executed` };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { path: undefined, reason: 'AzCopy is not installed' };
  }
  return install();
}

function installedPaths(): string[] {
  const name = process.platform === 'win32' ? 'azcopy.exe' : 'azcopy';
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders.map((folder) => join(folder, name)), packagedBinary(join(CACHE, VERSION))];
}

function packagedBinary(prefix: string): string {
  return join(prefix, 'node_modules', PACKAGE, 'dist/bin/azcopy_linux_amd64');
}

async function install(): Promise<AzcopySearch> {
  await mkdir(CACHE, { recursive: true });
  // Test files run in parallel: each installs into its own folder, and the first to finish moves it into place.
  const aside = await mkdtemp(join(CACHE, 'install-'));
  try {
    const args = ['install', '--prefix', aside, '--no-audit', '--no-fund', `${PACKAGE}@${VERSION}`];
    const { exitCode, output } = await run('npm', args, process.env);
    if (exitCode !== 0)
      return { path: undefined, reason: `AzCopy is not installed, and npm cannot fetch it: ${output}` };
    await chmod(packagedBinary(aside), 0o755);
    await rename(aside, join(CACHE, VERSION)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return checked(packagedBinary(join(CACHE, VERSION)));
}

/** The binary does not include libsecret-1-0, and does not start without it. */
async function checked(path: string): Promise<AzcopySearch> {
  const { exitCode, output } = await run(path, ['--version'], process.env);
  return exitCode === 0 ? { path } : { path: undefined, reason: `AzCopy does not start: ${output.trim()}` };
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<AzcopyResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: string) => {
      output += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? -1, output }));
  });
}
