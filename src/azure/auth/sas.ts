// What a SAS says of itself: what it grants, where, and until when.

import { redact } from '../../base/redact.ts';
import { CredentialError } from '../../errors.ts';
import type { BlobAddress } from '../destination.ts';

/** What can be read off a SAS. One that refers to a stored access policy (`si`) may show neither permissions nor times. */
export interface SasClaims {
  /** The letters of `sp`: r read, w write, c create, d delete, ... */
  readonly permissions?: string;
  /** The end of the SAS or of the user delegation key that signed it (`ske`), whichever comes first. */
  readonly expiresOn?: Date;
  readonly startsOn?: Date;
  /** Letters of an account SAS: its services (b is blob) and its types of resources (c container, o object). */
  readonly services?: string;
  readonly resourceTypes?: string;
}

export function readSas(sas: string): SasClaims {
  const parameters = new URLSearchParams(sas);
  const text = (name: string) => parameters.get(name) ?? undefined;
  const ends = [parseTime(text('se')), parseTime(text('ske'))].filter((time) => time !== undefined);
  const claims = {
    permissions: text('sp'),
    expiresOn: ends.sort((a, b) => a.getTime() - b.getTime())[0],
    startsOn: parseTime(text('st')),
    services: text('ss'),
    resourceTypes: text('srt'),
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

/**
 * Takes a SAS in the forms in which it is copied and printed: alone, with a question mark, in quotes as `az` prints it, or
 * at the end of a URL of the blob, its container or its account.
 * @returns the SAS without its question mark.
 * @throws {CredentialError} it is none, or is for another place. Shows nothing of it.
 */
export function parseSas(text: string, { url }: BlobAddress): string {
  const bare = text
    .trim()
    .replace(/^(["'])([\s\S]*)\1$/, '$2')
    .trim();
  if (bare === '') throw new CredentialError('What should hold a SAS is empty.');
  if (/[\s\p{Cc}"'<>#]/u.test(bare)) {
    throw new CredentialError('What should hold a SAS holds more than that: blanks, quotes or several lines.');
  }
  if (!bare.includes('://')) return bare.replace(/^[?&]/, '');
  const [place = '', sas = ''] = bare.split(/\?([\s\S]*)/, 2);
  if (!isWithin(url, place)) {
    throw new CredentialError(`The URL with the SAS is of ${shown(place)}, but the upload goes to ${url}.`);
  }
  return sas;
}

/** How far the clock of this machine may be wrong before a SAS is refused for not being valid yet, in milliseconds. */
const CLOCK_TOLERANCE_MS = 15 * 60_000;

/**
 * Refuses a SAS that cannot do what is needed.
 * @param needed - Letters of `sp`. An upload reads (is there a blob? did all arrive?) and writes.
 * @throws {CredentialError} with the missing letters, or the time of expiry.
 */
export function assertSasAllows(sas: string, needed: string, now: Date = new Date()): void {
  const { permissions, expiresOn, startsOn, services, resourceTypes } = readSas(sas);
  if (!new URLSearchParams(sas).has('sig')) {
    throw new CredentialError(
      'The SAS has no signature: there is no parameter sig. Was the URL cut, or not put in quotes?',
    );
  }
  if (expiresOn !== undefined && expiresOn <= now) {
    throw new CredentialError(
      `The SAS expired at ${expiresOn.toISOString()}, and it is ${now.toISOString()}. Make a new one and run the same command with it.`,
      { isExpired: true },
    );
  }
  if (startsOn !== undefined && startsOn.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    throw new CredentialError(
      `The SAS is valid only from ${startsOn.toISOString()} on, and it is ${now.toISOString()}. Wait, make one that begins earlier, or set the clock of this machine right.`,
    );
  }
  if (services?.includes('b') === false) {
    throw new CredentialError(
      `The account SAS is not for blobs: it needs the service b (ss=b); it has ${spell(services)}.`,
    );
  }
  if (resourceTypes?.includes('o') === false) {
    throw new CredentialError(
      `The account SAS is not for objects, as blobs are: it needs the resource type o (srt=o); it has ${spell(resourceTypes)}.`,
    );
  }
  if (permissions === undefined) return;
  const missing = [...needed].filter((letter) => !permissions.includes(letter));
  if (missing.length > 0) {
    throw new CredentialError(
      `The SAS does not allow what is needed: it needs ${spell(needed)}; it has ${spell(permissions)}; missing ${missing.join(', ')}.`,
    );
  }
}

/** @throws {CredentialError} only an account SAS that reaches containers can create one. */
export function assertSasCreatesContainers(sas: string): void {
  const { permissions = '', services, resourceTypes } = readSas(sas);
  const isAccountSas = services !== undefined || resourceTypes !== undefined;
  if (isAccountSas && resourceTypes?.includes('c') === true && /[cw]/.test(permissions)) return;
  throw new CredentialError(
    isAccountSas
      ? `The account SAS cannot create a container: it needs the resource type c (srt=co) and the permission c or w; it has ${spell(resourceTypes ?? '')} and ${spell(permissions)}. Leave --create-container out if the container is there.`
      : 'The SAS of a container or blob cannot create a container. Leave --create-container out if the container is there, or use an account SAS, a key, or Microsoft Entra.',
  );
}

function spell(letters: string): string {
  return [...letters].join(', ') || 'none';
}

/** Whether `place`, a URL of a blob, container or account, is `url` or above it. */
export function isWithin(url: string, place: string): boolean {
  const [inner, outer] = [segmentsOf(url), segmentsOf(place)];
  return outer?.every((segment, index) => segment === inner?.[index]) ?? false;
}

/** Undefined for what is no URL. */
function segmentsOf(url: string): string[] | undefined {
  try {
    const { origin, pathname } = new URL(url);
    return [origin, ...decodeURIComponent(pathname).replace(/\/+$/, '').split('/').slice(1)];
  } catch {
    return undefined;
  }
}

function shown(place: string): string {
  try {
    const { origin, pathname } = new URL(place);
    return redact(origin + pathname);
  } catch {
    return 'another place, and not valid';
  }
}

function parseTime(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
