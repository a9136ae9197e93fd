// What a SAS says of itself: which permissions it grants and until when.
import { CredentialError } from '../errors.ts';

/** What can be read off a SAS. One that refers to a stored access policy (`si`) shows neither. */
export interface SasClaims {
  /** The letters of `sp`: r read, w write, c create, d delete, ... */
  readonly permissions?: string;
  readonly expiresOn?: Date;
  readonly startsOn?: Date;
}

export function readSas(sas: string): SasClaims {
  const parameters = new URLSearchParams(sas);
  const permissions = parameters.get('sp');
  const expiresOn = parseTime(parameters.get('se'));
  const startsOn = parseTime(parameters.get('st'));
  return {
    ...(permissions === null ? {} : { permissions }),
    ...(expiresOn === undefined ? {} : { expiresOn }),
    ...(startsOn === undefined ? {} : { startsOn }),
  };
}

/**
 * Refuses a SAS that cannot do what an upload needs: read (is there a blob? did all arrive?) and write.
 * @throws {CredentialError} with the missing letters, or the time of expiry.
 */
export function assertSasAllows(sas: string, needed: string, now: Date = new Date()): void {
  const { permissions, expiresOn } = readSas(sas);
  if (!new URLSearchParams(sas).has('sig')) {
    throw new CredentialError(
      'The SAS in the destination has no signature (sig=). Was the URL cut, or not put in quotes?',
    );
  }
  if (expiresOn !== undefined && expiresOn <= now) {
    throw new CredentialError(
      `The SAS expired at ${expiresOn.toISOString()}. Make a new one and run the same command with it.`,
    );
  }
  if (permissions === undefined) return;
  const missing = [...needed].filter((letter) => !permissions.includes(letter));
  if (missing.length > 0) {
    throw new CredentialError(
      `The SAS does not allow what is needed: it needs ${[...needed].join(', ')}; it has ${[...permissions].join(', ') || 'none'}; missing ${missing.join(', ')}.`,
    );
  }
}

function parseTime(text: string | null): Date | undefined {
  if (text === null) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
