// Makes an executable of Node and a script: Node's single executable applications.
// Source: https://nodejs.org/docs/latest-v22.x/api/single-executable-applications.html
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'postject';
import { assetName } from '../../src/base/embedded.ts';

/** Where Node looks for its blob, and the text that tells it whether there is one. */
export const RESOURCE = 'NODE_SEA_BLOB';
const MACHO_SEGMENT = 'NODE_SEA';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const FUSE_UNSET = `${FUSE}:0`;
const FUSE_SET = `${FUSE}:1`;

export interface BlobParts {
  readonly script: string;
  /** Contents by the names that `src/base/embedded.ts` is asked for. */
  readonly assets: ReadonlyMap<string, string | Uint8Array>;
  /** V8's compiled code. It fits only the system and the version that it was made with. */
  readonly useCodeCache: boolean;
}

/**
 * @param node - A Node that runs here, of the version that the executable contains.
 * @param folder - For temporary files.
 */
export function makeBlob(node: string, folder: string, { script, assets, useCodeCache }: BlobParts): Buffer {
  mkdirSync(folder, { recursive: true });
  const main = join(folder, 'vhdup.cjs');
  const output = join(folder, 'sea.blob');
  writeFileSync(main, script);
  const files = [...assets].map(([name, content]) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return [assetName(name), path];
  });
  const config = join(folder, 'sea-config.json');
  writeFileSync(
    config,
    JSON.stringify({
      main,
      output,
      disableExperimentalSEAWarning: true,
      useCodeCache,
      assets: Object.fromEntries(files),
    }),
  );
  execFileSync(node, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  return readFileSync(output);
}

/**
 * For Linux and macOS.
 * @param path - The executable, a copy of Node, which is changed.
 * @throws {Error} if its fuse is not set afterwards: it would run as Node.
 */
export async function injectBlob(path: string, blob: Buffer): Promise<void> {
  await inject(path, RESOURCE, blob, { sentinelFuse: FUSE, machoSegmentName: MACHO_SEGMENT });
  if (!readFileSync(path).includes(FUSE_SET)) throw new Error(`The blob was not injected into ${path}.`);
}

/** @returns a copy of Node that looks for a blob. @throws {Error} if it has no fuse, or one that is set. */
export function setFuse(node: Uint8Array): Buffer {
  const copy = Buffer.from(node);
  const at = copy.indexOf(FUSE_UNSET);
  if (at < 0 || copy.includes(FUSE_UNSET, at + 1)) throw new Error(`Node must contain ${FUSE_UNSET} exactly once.`);
  copy.write(FUSE_SET, at, 'latin1');
  return copy;
}
