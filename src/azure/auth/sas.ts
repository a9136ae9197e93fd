// What a SAS grants, where, and until when.
import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import { CredentialError } from '../../errors.ts';
import type { BlobAddress } from '../destination.ts';
import { decodedUrl, percentDecoded, unescapeMarkup, withoutWrapping } from '../given-text.ts';
import { parseStorageHost } from '../storage-host.ts';
import { describePermissions, missingLetters } from './sas-permissions.ts';
import { AFTER_SIGNATURE, canonicalSas } from './sas-text.ts';

/** The claims of a SAS. If it refers to a stored access policy (`si`), permissions and times may be missing. */
export interface SasClaims {
  /** The letters of `sp`: r read, w write, c create, d delete, ... */
  readonly permissions?: string;
  /** When the SAS or the user delegation key that signed it (`ske`) expires, whichever is earlier. */
  readonly expiresOn?: Date;
  readonly startsOn?: Date;
  /** Letters of an account SAS: its services (b is blob) and its resource types (c container, o object). */
  readonly services?: string;
  readonly resourceTypes?: string;
  /** `sr` of a service SAS: b blob, c container, d directory, ... */
  readonly resource?: string;
}

export function readSas(sas: string): SasClaims {
  const parameters = new URLSearchParams(sas);
  const text = (name: string) => parameters.get(name) ?? undefined;
  const expiries = [parseTime(text('se')), parseTime(text('ske'))].filter((time) => time !== undefined);
  const claims = {
    permissions: text('sp'),
    expiresOn: expiries.sort((a, b) => a.getTime() - b.getTime())[0],
    startsOn: parseTime(text('st')),
    services: text('ss'),
    resourceTypes: text('srt'),
    resource: text('sr'),
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

/**
 * Parses a SAS as people copy and print it: alone, with a question mark, in quotes, with `&amp;`, in a connection string, at the end of
 * a URL of the blob, its container or its account, or as the only SAS in a text such as JSON or `export SAS="..."`.
 * @returns the SAS without a question mark, in canonical spelling.
 * @throws {CredentialError} it is damaged or for another resource, or there are several. The message contains nothing of a signature.
 */
export function parseSas(text: string, { url }: BlobAddress): string {
  const bare = withoutWrapping(decodedUrl(withoutWrapping(text)));
  if (bare === '') throw new CredentialError('The SAS is empty.');
  const sas = onlySas(unescapeMarkup(bare), url);
  if (new URLSearchParams(sas).get('spr') === 'https' && url.startsWith('http:')) {
    throw new CredentialError(`The SAS allows only https (spr=https), but the destination is ${url}. Use https://.`);
  }
  return sas;
}

const QUOTES = '"\'`“”„‘’';
/** What separates a SAS from the text around it. A mail may have wrapped the SAS, so nothing does if the whole text is one. */
const BORDERS: readonly RegExp[] = [
  /(?!)/,
  new RegExp(`[${QUOTES}]`),
  new RegExp(`[\\s${QUOTES}]+`),
  // Links in Markdown: [text](URL).
  new RegExp(`[\\s${QUOTES}()<>[\\]{}]+`),
];

/** The SAS of the only part of the text that has one. */
function onlySas(text: string, url: string): string {
  const signatures = text.matchAll(/(?<![a-z])sig=([^&;\s"'()<>[\]{}]*)/gi);
  if (new Set([...signatures].map(([, value]) => value?.replace(AFTER_SIGNATURE, ''))).size > 1) {
    throw new CredentialError('The text contains several SAS. Pass only one of them.');
  }
  let problem: unknown;
  for (const [level, border] of BORDERS.entries()) {
    const parts = text.split(border);
    const candidates = parts.length === 1 ? parts : parts.filter((part) => /sig(?:=|%(?:25)*3d)/i.test(part));
    for (const part of candidates) {
      // The SAS of another place is refused, however it is separated.
      const query = queryIn(part, url);
      try {
        return canonicalSas(query);
      } catch (error) {
        // A part in quotes shows best what is wrong. Blanks and line ends may also be within a SAS that is damaged.
        if (level < 2) problem = error;
      }
    }
  }
  throw problem;
}

/** The SAS of a connection string or a URL; otherwise the text itself. */
function queryIn(text: string, url: string): string {
  const field = /(?:^|;)\s*SharedAccessSignature\s*=\s*(.*)$/is.exec(text)?.[1];
  if (field !== undefined) return field.split(';', 1)[0] ?? '';
  // Behind the URL, the SAS may be on a line of its own.
  const end = text.search(/\?|\n\s*[a-z]{2,8}=/i);
  const place = placeIn(end < 0 ? text : text.slice(0, end));
  // A question mark may also belong to a field of the SAS.
  if (place === undefined) return text;
  if (isWithin(url, place)) return end < 0 ? '' : text.slice(end + 1);
  throw new CredentialError(`The SAS belongs to the URL ${shown(place)}, but the destination is ${url}.`);
}

/** The URL at the end of a text, behind a label such as `BlobEndpoint=`. A host of Azure Storage may lack its scheme. */
function placeIn(text: string): string | undefined {
  const url = /(?:^|[=:\s(<[])(https?:\/\/\S*)\s*$/i.exec(text)?.[1];
  if (url !== undefined) return url;
  const [path = ''] = /[^=:\s]*\s*$/.exec(text) ?? [];
  return parseStorageHost(path.split('/')[0] ?? '') === undefined ? undefined : `https://${path.trim()}`;
}

/** The tolerated clock difference before a SAS counts as not valid yet, in milliseconds. */
const CLOCK_TOLERANCE_MS = 15 * 60_000;

/** Values of `sr` that are not writable page blobs. */
const OTHER_RESOURCES: ReadonlyMap<string, string> = new Map([
  ['s', 'a file share'],
  ['f', 'a file of a file share'],
  ['bs', 'a snapshot of a blob, which is read-only'],
  ['bv', 'a version of a blob, which is read-only'],
]);

/**
 * Checks that a SAS is valid now and allows what is needed.
 * @param needed - Letters of `sp`. An upload reads (does the blob exist? did everything arrive?) and writes.
 * @param address - Decides whether a SAS for a snapshot or a version fits. @default it does not
 * @throws {CredentialError} names the missing letters and the operations that need them, or the expiry time.
 */
export function assertSasAllows(
  sas: string,
  needed: string,
  now: Date = new Date(),
  { version }: Pick<BlobAddress, 'version'> = {},
): void {
  const { permissions, expiresOn, startsOn, services, resourceTypes, resource = '' } = readSas(sas);
  if (expiresOn !== undefined && expiresOn <= now) {
    throw new CredentialError(
      `The SAS expired at ${expiresOn.toISOString()}; the time is now ${now.toISOString()}. Create a new SAS and run the same command with it.`,
      { isExpired: true },
    );
  }
  if (startsOn !== undefined && startsOn.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    throw new CredentialError(
      `The SAS is not valid before ${startsOn.toISOString()}; the time is now ${now.toISOString()}. Wait, create a SAS that starts earlier, or correct the clock of this machine.`,
    );
  }
  const other = OTHER_RESOURCES.get(resource);
  const isOfVersion = version !== undefined && resource === (version.startsWith('snapshot=') ? 'bs' : 'bv');
  if (other !== undefined && !isOfVersion) {
    throw new CredentialError(
      `The SAS is for ${other} (sr=${resource}). Create a SAS for the blob (sr=b) or its container (sr=c).`,
    );
  }
  if (services?.includes('b') === false) {
    throw new CredentialError(
      `The account SAS is not for blobs: it needs the service b (ss=b); it has ${spell(services)}.`,
    );
  }
  if (resourceTypes?.includes('o') === false) {
    throw new CredentialError(
      `The account SAS is not for blobs: it needs the resource type o (object, srt=o); it has ${spell(resourceTypes)}.`,
    );
  }
  const missing = missingLetters(permissions, needed);
  if (missing.length > 0) {
    const isEnough =
      missing.includes('r') && missing.includes('w')
        ? ' w alone is enough for a new blob without --overwrite, but then nothing is compared at the end.'
        : '';
    throw new CredentialError(
      `The SAS lacks permissions: it needs ${spell(needed)}; it has ${spell(permissions ?? '')}; missing ${missing.join(', ')} (${describePermissions(missing)}). Create a SAS with at least sp=${needed}, and run the same command with it.${isEnough}`,
    );
  }
}

/** @throws {CredentialError} the SAS is not an account SAS that can create containers. */
export function assertSasCreatesContainers(sas: string): void {
  const { permissions = '', services, resourceTypes } = readSas(sas);
  const isAccountSas = services !== undefined || resourceTypes !== undefined;
  if (isAccountSas && resourceTypes?.includes('c') === true && /[cw]/.test(permissions)) return;
  throw new CredentialError(
    isAccountSas
      ? `The account SAS cannot create a container: it needs the resource type c (srt=co) and the permission c or w; it has ${spell(resourceTypes ?? '')} and ${spell(permissions)}. Create the container first, or use a SAS that can, a key, or Microsoft Entra.`
      : 'A SAS for a container or blob cannot create a container. Create the container first, or use an account SAS, a key, or Microsoft Entra.',
  );
}

function spell(letters: string): string {
  return printable([...letters].join(', ')) || 'none';
}

/** Whether `place`, the URL of a blob, container or account, is `url` or contains it. */
export function isWithin(url: string, place: string): boolean {
  const [inner, outer] = [segmentsOf(url), segmentsOf(place)];
  return outer?.every((segment, index) => segment === inner?.[index]) ?? false;
}

/** Undefined if `url` is not a URL. All host names of one account in a cloud count as the same. */
function segmentsOf(url: string): string[] | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, hostname, pathname } = new URL(url);
  const known = parseStorageHost(hostname);
  const isAlias = known?.isOfKnownCloud === true && known.service === 'blob';
  const place = isAlias ? host.replace(/^[^.]+/, known.account).replace(/\.privatelink\./, '.') : host;
  const path = percentDecoded(pathname);
  return path === undefined ? undefined : [`${protocol}//${place}`, ...path.replace(/\/+$/, '').split('/').slice(1)];
}

function shown(place: string): string {
  try {
    const { origin, pathname } = new URL(place);
    return printable(redact(origin + pathname));
  } catch {
    return '(not a valid URL)';
  }
}

function parseTime(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
