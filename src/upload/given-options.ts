// The options of an upload that the next run must be given again, as its checkpoint stores them for `vhdup list`.

import { dirname } from 'node:path';
import type { UploadOptions } from '../options.ts';
import type { GivenOptions } from '../state/checkpoint.ts';
import { storedPath } from '../state/stored-path.ts';
import { checkVerify } from '../validate-options.ts';

/** @param checkpoint - Path of the checkpoint: paths are stored relative to its folder, so that both can be moved together. */
export function givenOptions(options: UploadOptions, checkpoint: string): GivenOptions {
  const { format, parentPaths = [], allowNetworkParents, baseManifest, trustBase, contentMd5, manifest } = options;
  const { checksum = 'crc64', metadata = {}, skipChecks, contentType, pageBlobTier, blobTags = {} } = options;
  const verify = checkVerify(options.verify);
  const stored = (path: string) => storedPath(path, dirname(checkpoint));
  const pairs = Object.entries(metadata).map(([name, value]) => `${name}=${value}`);
  const tags = new URLSearchParams(Object.entries(blobTags)).toString();
  return {
    ...(format === 'raw' ? { format } : {}),
    ...(parentPaths.length === 0 ? {} : { parentPaths: parentPaths.map(stored) }),
    ...(allowNetworkParents === true ? { allowNetworkParents } : {}),
    ...(baseManifest === undefined ? {} : { baseManifest: stored(baseManifest) }),
    ...(trustBase === true ? { trustBase } : {}),
    ...(contentMd5 === true ? { contentMd5 } : {}),
    ...(manifest === undefined ? {} : { manifest: stored(manifest) }),
    ...(checksum === 'crc64' ? {} : { checksum }),
    ...(pairs.length === 0 ? {} : { metadata: pairs }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(pageBlobTier === undefined ? {} : { pageBlobTier }),
    ...(tags === '' ? {} : { blobTags: tags }),
    ...(verify === undefined ? {} : { verify }),
    ...(skipChecks === true ? { skipChecks } : {}),
  };
}
