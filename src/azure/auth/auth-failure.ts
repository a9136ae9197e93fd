// Explains why the service rejected a signature: the SAS has expired or is not valid yet, or a clock is wrong.
import { readSas } from './sas.ts';

/** The credential of the request, and the service's answer. */
export interface RejectedSignature {
  /** Undefined for any other credential. */
  readonly sas: string | undefined;
  /** Whether the service has accepted the same credential before. */
  readonly wasAccepted: boolean;
  /** AuthenticationErrorDetail of the answer; empty for the answer to a HEAD request. */
  readonly detail: string;
  /** The Date header of the answer. */
  readonly serviceTime: Date | undefined;
}

export interface AuthFailure {
  readonly isExpired: boolean;
  /** Whole sentences; undefined if the cause is unknown. */
  readonly explanation: string | undefined;
}

/** From this clock difference on, the message mentions it, in milliseconds. */
const NOTABLE_SKEW_MS = 5 * 60_000;

/**
 * "Signature not valid in the specified time frame: Start [...] - Expiry [...] - Current [...]"; for a SAS without a start
 * "Signed expiry time [...] must be after signed start time [...]", where the start time is the current time.
 */
const TIME_FRAME = /not valid in the specified (?:key )?time frame|^Signed expiry time/i;

export function explainAuthFailure(rejected: RejectedSignature, now: Date = new Date()): AuthFailure {
  const { sas, wasAccepted, detail, serviceTime = now } = rejected;
  const skew = describeSkew(serviceTime, now);
  if (sas === undefined) return { isExpired: false, explanation: skew };

  const { startsOn, expiresOn } = readSas(sas);
  const start = startsOn ?? timeIn(/Start \[([^\]]*)\]/.exec(detail));
  const end = expiresOn ?? timeIn(/Expiry \[([^\]]*)\]/.exec(detail));
  if (start !== undefined && start > serviceTime) {
    const from = `The SAS is not valid before ${start.toISOString()}, and the service's clock shows ${serviceTime.toISOString()}.`;
    return { isExpired: false, explanation: sentences(from, skew) };
  }
  if ((end !== undefined && end <= serviceTime) || TIME_FRAME.test(detail)) {
    const when = end === undefined || end > serviceTime ? 'has expired' : `expired at ${end.toISOString()}`;
    return { isExpired: true, explanation: sentences(`The SAS ${when}.`, skew) };
  }
  if (wasAccepted) {
    const explanation = 'The service no longer accepts the SAS: it was revoked, or the key that signed it was rotated.';
    return { isExpired: true, explanation };
  }
  return { isExpired: false, explanation: skew };
}

function describeSkew(serviceTime: Date, now: Date): string | undefined {
  const skewMs = now.getTime() - serviceTime.getTime();
  if (Math.abs(skewMs) < NOTABLE_SKEW_MS) return undefined;
  const minutes = Math.round(Math.abs(skewMs) / 60_000);
  return `The clock of this machine is ${minutes} min ${skewMs > 0 ? 'ahead of' : 'behind'} the service's. Correct it.`;
}

function timeIn(match: RegExpExecArray | null): Date | undefined {
  const time = new Date(match?.[1] ?? '');
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function sentences(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}
