// What the Azure Marketplace asks of a blob's name and of a SAS. Source: learn.microsoft.com/azure/marketplace/azure-vm-get-sas-uri
import { printable } from '../../base/printable.ts';
import type { SasClaims } from './sas.ts';

export const DAY_MS = 86_400_000;
/** The Marketplace needs the SAS until it has copied the VHD. */
export const MIN_DAYS = 21;

/** Why the Marketplace rejects the name of a blob, undefined if it accepts it. */
export function marketplaceNameProblem(blobName: string): string | undefined {
  if (/\s/.test(blobName)) return 'its name contains white space';
  if (/[%"]/.test(blobName)) return 'its name contains % or "';
  return /.\.vhd$/i.test(blobName) ? undefined : 'its name does not end in .vhd';
}

/** A SAS of three weeks is long enough also on the day after it was made, in days. */
const MIN_DAYS_LEFT = MIN_DAYS - 1;

/**
 * Why the Marketplace cannot use a SAS for a container, undefined if it can.
 * @param claims - Of a SAS with `sr=c`.
 */
export function marketplaceSasProblem(
  { permissions, expiresOn }: SasClaims,
  now: Date = new Date(),
): string | undefined {
  // A stored access policy may change or end at any time.
  if (permissions === undefined || expiresOn === undefined)
    return 'does not show its permissions and its expiry itself';
  const others = [...permissions].filter((letter) => !'rl'.includes(letter));
  if (others.length > 0 || !permissions.includes('r') || !permissions.includes('l')) {
    return `has the permissions ${printable(permissions)}, but must have exactly rl`;
  }
  const daysLeft = (expiresOn.getTime() - now.getTime()) / DAY_MS;
  return daysLeft < MIN_DAYS_LEFT
    ? `expires on ${isoSeconds(expiresOn)}, but must be valid for at least three weeks`
    : undefined;
}

/** 2026-03-01T12:00:00Z */
export function isoSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
