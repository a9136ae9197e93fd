// Loads koffi: the optional package, or in an executable its native part, which is all that is needed of it.
import { mkdtempSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedBytes } from '../base/embedded.ts';

type Koffi = typeof import('koffi');

const FOLDER_PREFIX = 'vhdup-koffi-';
const FILE = 'koffi.node';
/** A younger folder may belong to a process that has not loaded its file yet. */
const LEFT_OVER_MS = 60 * 60 * 1000;

/** @throws {Error} if the package is absent, or its file cannot be written or loaded. */
export async function loadKoffi(): Promise<Koffi> {
  const addon = embeddedBytes(FILE);
  return addon === undefined ? await import('koffi') : loadAddon(addon);
}

/** @returns undefined if koffi cannot be loaded here. */
export async function koffiVersion(): Promise<string | undefined> {
  return await loadKoffi().then(
    ({ version }) => version,
    () => undefined,
  );
}

/** Systems load native code from files only. The folder is new and private, so that nobody else can exchange the file. */
function loadAddon(bytes: Uint8Array): Koffi {
  removeLeftOvers();
  const folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
  try {
    const path = join(folder, FILE);
    writeFileSync(path, bytes, { mode: 0o600 });
    const addon = { exports: {} };
    process.dlopen(addon, path);
    return addon.exports as Koffi;
  } finally {
    removeFolder(folder);
  }
}

/** Windows keeps the file of loaded code: a later process removes it. */
function removeLeftOvers(): void {
  if (process.platform !== 'win32') return;
  try {
    for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(FOLDER_PREFIX))) {
      const folder = join(tmpdir(), name);
      if (Date.now() - statSync(folder).mtimeMs > LEFT_OVER_MS) removeFolder(folder);
    }
  } catch {
    // Nothing depends on it.
  }
}

function removeFolder(folder: string): void {
  try {
    unlinkSync(join(folder, FILE));
    rmdirSync(folder);
  } catch {
    // Still in use, or somebody else's.
  }
}
