// The files that a single executable contains (Node's single executable applications), by name.
import { getAsset, isSea } from 'node:sea';

/** Whether the program is an executable that contains Node. An executable of another program that uses this library counts too. */
export const isExecutable: () => boolean = isSea;

/** @returns its text; undefined if the program is no executable, or one without this file. */
export function embeddedText(name: string): string | undefined {
  return assetOrUndefined(() => getAsset(assetName(name), 'utf8'));
}

/** @returns a copy of its bytes; undefined if the program is no executable, or one without this file. */
export function embeddedBytes(name: string): Uint8Array | undefined {
  return assetOrUndefined(() => new Uint8Array(getAsset(assetName(name))));
}

/** The names of assets, apart from those of a program that uses this library. */
export function assetName(name: string): string {
  return `vhdup/${name}`;
}

function assetOrUndefined<Asset>(read: () => Asset): Asset | undefined {
  if (!isSea()) return undefined;
  try {
    return read();
  } catch {
    // Node throws for an absent name.
    return undefined;
  }
}
