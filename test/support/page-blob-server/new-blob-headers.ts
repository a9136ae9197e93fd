// The headers of Put Blob and Copy Blob that describe the new blob: its tier and its tags.

import type { Grant } from './authorization.ts';
import { invalidHeader, permissionMismatch, ServiceError } from './error.ts';
import type { AccountKind } from './operation.ts';
import type { ServiceRequest } from './request.ts';

/** The tier, which only page blobs of premium accounts have. Source: REST, Put Blob, Copy Blob and Set Blob Tier. */
export function tierOf(request: ServiceRequest, { isPremium }: AccountKind, size: number): string | undefined {
  const tier = request.headers.get('x-ms-access-tier');
  if (tier === undefined) return undefined;
  const limit = TIERS.get(tier);
  if (limit === undefined) throw invalidHeader('x-ms-access-tier', tier);
  if (!isPremium) {
    throw new ServiceError(
      400,
      'BlobAccessTierNotSupportedForAccountType',
      'Blob access tier is not supported on this storage account type.',
    );
  }
  if (size > limit * GIB) {
    throw new ServiceError(
      409,
      'BlobTierInadequateForContentLength',
      'The specified blob tier size limit cannot be less than content length.',
    );
  }
  return tier;
}

const GIB = 1024 ** 3;

/** The largest blob of each tier in GiB: the sizes of premium SSDs. Source: "Azure managed disk types", Premium SSD size. */
const TIERS: ReadonlyMap<string, number> = new Map([
  ['P4', 32],
  ['P6', 64],
  ['P10', 128],
  ['P15', 256],
  ['P20', 512],
  ['P30', 1024],
  ['P40', 2048],
  ['P50', 4096],
  ['P60', 8192],
  ['P70', 16_384],
  ['P80', 32_767],
]);

/** The tier that the service chooses by the size: the smallest that is large enough, but neither P4 nor P6. Source: FAQ for disks. */
export function tierForSize(size: number): string {
  const fitting = [...TIERS].find(([name, limit]) => name !== 'P4' && name !== 'P6' && size <= limit * GIB);
  return fitting?.[0] ?? 'P80';
}

/** The index tags. They need the permission t. Source: REST, Put Blob, Copy Blob and Set Blob Tags. */
export function tagsOf(request: ServiceRequest, { permissions }: Grant): Map<string, string> {
  const header = request.headers.get('x-ms-tags');
  if (header === undefined) return new Map();
  if (permissions !== 'all' && !permissions.includes('t')) throw permissionMismatch();
  const tags = new Map(new URLSearchParams(header));
  const isValid = [...tags].every(
    ([name, value]) => /^[\w +\-./:=]{1,128}$/.test(name) && /^[\w +\-./:=]{0,256}$/.test(value),
  );
  if (!isValid || tags.size > 10) throw new ServiceError(400, 'InvalidTag', 'The tags specified are invalid.');
  return tags;
}
