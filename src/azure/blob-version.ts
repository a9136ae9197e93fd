// The part of a blob's URL that names one of its snapshots or versions.
import { UsageError } from '../errors.ts';
import { namesIn } from './auth/sas-text.ts';
import { percentDecoded, unescapeMarkup } from './given-text.ts';

/** The times that the service names snapshots and versions by. Source: REST, Snapshot Blob and "Blob versioning". */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z$/;

/**
 * Splits the query of a URL into the snapshot or version that it names, if any, and the rest: a SAS.
 * @throws {UsageError} it names two of them, or one that is not a time.
 */
export function splitVersion(query: string): { readonly version?: string; readonly query: string } {
  const text = unescapeMarkup(query);
  // A SAS with its question mark may follow.
  const parts = text.split(/[&?]/);
  const named = parts.filter((part) => nameOf(part) !== undefined);
  const [first, ...others] = named;
  if (first === undefined) return { query };
  if (others.length > 0) {
    throw new UsageError('The URL names more than one snapshot or version of a blob. Name only one.');
  }
  const name = nameOf(first) ?? '';
  const raw = first.slice(first.indexOf('=') + 1);
  const time = percentDecoded(raw) ?? raw;
  if (!TIME.test(time)) {
    throw new UsageError(
      `The ${name} in the URL is not a time such as 2026-11-28T09:30:00.0000000Z. Copy the URL of the ${name === 'snapshot' ? 'snapshot' : 'version'} again.`,
    );
  }
  return { version: `${name}=${time}`, query: parts.filter((part) => part !== first && part !== '').join('&') };
}

function nameOf(part: string): string | undefined {
  const [name = ''] = namesIn(part);
  return name === 'snapshot' || name === 'versionid' ? name : undefined;
}
