// The destinations of earlier uploads, offered first. One file for each, so that two processes never write to the same one. No secrets.
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assertResourceGroup, isGuid } from '../../azure/arm/resource-id.ts';
import { parseDestination } from '../../azure/destination.ts';
import { isFileProblem } from '../../base/file-problem.ts';
import { readSideFile, removeLeftOvers, replaceSideFile } from '../../base/side-file.ts';
import { whileHeld } from '../../base/windows-file-retry.ts';
import { VhdupError } from '../../errors.ts';

/** A place for new blobs or disks. */
export type RecentDestination =
  | {
      readonly kind: 'container';
      /** Without a SAS. */
      readonly url: string;
      /** How it was accessed: by a SAS that was pasted, or by what the environment or the sign-in provides. */
      readonly access: 'sas' | 'environment';
    }
  | {
      readonly kind: 'group';
      readonly subscription: string;
      readonly resourceGroup: string;
      /** Absent for the region of the resource group. */
      readonly location?: string;
    };

/** More are not remembered. */
const MOST = 10;
/** In bytes. A destination is much shorter. */
const MAX_LENGTH = 8192;
const FILE = /^[\da-f]{16}\.json$/;
/** A younger temporary file may belong to another process. */
const LEFT_OVER_MS = 60_000;

/** The files in a folder. Nothing here fails because of the folder or of what it contains: destinations are only a convenience. */
export class RecentDestinations {
  readonly #folder: string | undefined;

  /** @param folder - Undefined to remember nothing. */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** Latest first. */
  async list(): Promise<readonly RecentDestination[]> {
    const found: { readonly destination: RecentDestination; readonly usedMs: number }[] = [];
    for (const path of await this.#paths()) {
      const destination = await decode(path).catch(ignored);
      const usedMs = await stat(path).then(({ mtimeMs }) => mtimeMs, ignored);
      if (destination !== undefined && usedMs !== undefined) found.push({ destination, usedMs });
    }
    return found
      .sort((one, other) => other.usedMs - one.usedMs)
      .slice(0, MOST)
      .map(({ destination }) => destination);
  }

  async remember(destination: RecentDestination): Promise<void> {
    const folder = this.#folder;
    if (folder === undefined) return;
    const path = join(folder, `${keyOf(destination)}.json`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await removeLeftOvers(path, 'tmp', LEFT_OVER_MS);
      await replaceSideFile(path, `${JSON.stringify(destination)}\n`);
      await this.#removeOldest();
    } catch (error) {
      ignored(error);
    }
  }

  async forgetAll(): Promise<void> {
    for (const path of await this.#paths()) await remove(path);
  }

  async #removeOldest(): Promise<void> {
    const files = await Promise.all(
      (await this.#paths()).map(async (path) => ({
        path,
        usedMs: await stat(path).then(
          (one) => one.mtimeMs,
          () => 0,
        ),
      })),
    );
    const old = files.sort((one, other) => other.usedMs - one.usedMs).slice(MOST);
    for (const { path } of old) await remove(path);
  }

  async #paths(): Promise<string[]> {
    const folder = this.#folder;
    if (folder === undefined) return [];
    const names = await readdir(folder).catch(() => []);
    return names.filter((name) => FILE.test(name)).map((name) => join(folder, name));
  }
}

/** The same place has the same name. */
function keyOf(destination: RecentDestination): string {
  const place =
    destination.kind === 'container'
      ? destination.url
      : `${destination.subscription}/${destination.resourceGroup}`.toLowerCase();
  return createHash('sha256').update(`${destination.kind} ${place}`).digest('hex').slice(0, 16);
}

/** Undefined for a file that was damaged, or written by another version. */
async function decode(path: string): Promise<RecentDestination | undefined> {
  const text = await readSideFile(path, MAX_LENGTH);
  try {
    return asDestination(JSON.parse(text ?? ''));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof VhdupError) return undefined;
    throw error;
  }
}

/** @throws {UsageError} a field has no possible value. */
function asDestination(value: unknown): RecentDestination | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const { kind, url, access, subscription, resourceGroup, location } = fields;
  if (kind === 'container' && typeof url === 'string' && (access === 'sas' || access === 'environment')) {
    const { address, sas } = parseDestination(url, undefined, undefined, { mayBeContainer: true });
    return sas === undefined && address.blobName === '' ? { kind, url: address.url, access } : undefined;
  }
  if (kind !== 'group' || typeof subscription !== 'string' || typeof resourceGroup !== 'string') return undefined;
  assertResourceGroup(resourceGroup);
  if (!isGuid(subscription)) return undefined;
  const isRegion = typeof location === 'string' && /^[\w ]{1,60}$/.test(location);
  return { kind, subscription, resourceGroup, ...(isRegion ? { location } : {}) };
}

async function remove(path: string): Promise<void> {
  await whileHeld(() => rm(path, { force: true })).catch(ignored);
}

function ignored(error: unknown): undefined {
  if (!isFileProblem(error)) throw error;
}
