// Messages about an address speak of a destination. A download has a source.
import { CredentialError, UsageError } from '../errors.ts';

/** The same error, if it speaks of the source, or else one that does. */
export function nameSource(error: unknown): unknown {
  const isOurs = error instanceof UsageError || error instanceof CredentialError;
  if (!isOurs || !/\bdestination\b/i.test(error.message)) return error;
  const message = error.message.replace(/\b([Tt])he destination\b/g, '$1he source');
  return error instanceof UsageError
    ? new UsageError(message, { cause: error.cause })
    : new CredentialError(message, { cause: error.cause, isExpired: error.isExpired });
}
