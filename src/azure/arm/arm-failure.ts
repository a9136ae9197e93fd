// Converts a failure of Azure Resource Manager to a VhdupError: what failed, on what, why, what to do next.
import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import {
  CredentialError,
  DestinationError,
  InUseError,
  ServiceError,
  VerificationError,
  type VhdupError,
} from '../../errors.ts';
import { retryAfter } from '../errors.ts';
import { armOutcomeOf, type FailedStatus } from './arm-answers.ts';
import { armErrorOf, type JsonObject } from './arm-error.ts';

/** The request that failed. */
export interface FailedArmRequest {
  /** For messages: "Create disk web01". */
  readonly what: string;
  /** The path of the resource, without an action and a query. */
  readonly path: string;
}

export interface FailedArmAnswer {
  readonly status: FailedStatus;
  readonly body: JsonObject | undefined;
  readonly requestId: string | undefined;
  /** The header `Retry-After`. */
  readonly retryAfter?: string | undefined;
  /** The code if the body contains no error. */
  readonly code?: string;
}

/** In characters. Messages about policies have a few hundred. */
const MAX_MESSAGE = 600;

/**
 * @returns a ServiceError (transient, or a failure of the service), or the class for the cause: CredentialError, DestinationError,
 *   InUseError, or VerificationError if the disk contains no valid VHD. `reason` is the innermost code.
 */
export function armFailure({ what, path }: FailedArmRequest, answer: FailedArmAnswer): VhdupError {
  const { status, body, requestId } = answer;
  const error = armErrorOf(body);
  const codes = error?.codes ?? [answer.code ?? `HTTP ${status}`];
  const reason = printable(codes[0] ?? '');
  const message = error?.message ?? '';
  const outcome = armOutcomeOf(status, codes, message);
  const advice = outcome.advice?.({ message, target: error?.target, policies: error?.policies ?? [], path }) ?? '';
  const text = [
    `${what} failed: ${typeof status === 'number' && error !== undefined ? `${status} ` : ''}${reason}`,
    message === '' ? '' : `, ${onOneLine(message)}`,
    error === undefined || error.others === 0 ? '' : ` (and ${error.others} more)`,
    requestId === undefined ? '.' : ` (request id ${printable(requestId)}).`,
    advice === '' ? '' : ` ${advice}`,
  ].join('');
  const { transient, limit, blame } = outcome;
  if (transient) {
    return new ServiceError(text, {
      ...failureOf(answer, reason),
      transient,
      ...(limit === undefined ? {} : { limit }),
      ...(blame === 'service' ? {} : { isDestination: true }),
      ...retryAfter(answer.retryAfter),
    });
  }
  switch (blame) {
    case 'credential':
      return new CredentialError(text);
    case 'expired':
      return new CredentialError(text, { isExpired: true });
    case 'destination':
      return new DestinationError(text, { reason });
    case 'in-use':
      return new InUseError(text);
    case 'content':
      return new VerificationError(text);
    case 'service':
      return new ServiceError(text, { ...failureOf(answer, reason), transient });
  }
}

/** The error for a success that lacks what it must contain. */
export function unusableArmAnswer(
  { what }: Pick<FailedArmRequest, 'what'>,
  problem: string,
  requestId: string | undefined,
): ServiceError {
  const { transient, limit } = armOutcomeOf(200, [], '');
  const id = requestId === undefined ? '' : ` (request id ${printable(requestId)})`;
  return new ServiceError(`${what} failed: ${problem}${id}.`, {
    status: 200,
    reason: 'UnusableAnswer',
    transient,
    ...(limit === undefined ? {} : { limit }),
    ...(requestId === undefined ? {} : { requestId: printable(requestId) }),
  });
}

function failureOf({ status, requestId }: FailedArmAnswer, reason: string) {
  return {
    reason,
    ...(typeof status === 'number' ? { status } : {}),
    ...(requestId === undefined ? {} : { requestId: printable(requestId) }),
  };
}

function onOneLine(message: string): string {
  // Redacted before it is cut: the rest of a secret could not be recognised.
  const line = redact(message.slice(0, 4 * MAX_MESSAGE))
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '');
  return line.length > MAX_MESSAGE ? `${printable(line.slice(0, MAX_MESSAGE))}...` : printable(line);
}
