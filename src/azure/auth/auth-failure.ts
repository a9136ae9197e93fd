// Why the service did not accept a signature: the SAS has expired, is not valid yet, or a clock is wrong.
import { readSas } from './sas.ts';

/** What was sent, and what is known of the answer. */
export interface RefusedSignature {
  /** Undefined where the request was signed with something else. */
  readonly sas: string | undefined;
  /** Whether the service had accepted the same credential before. */
  readonly wasAccepted: boolean;
  /** AuthenticationErrorDetail of the answer. The answer to a HEAD has none. */
  readonly detail: string;
  /** The answer's Date. */
  readonly serviceTime: Date | undefined;
}

export interface Refusal {
  readonly isExpired: boolean;
  /** In sentences; undefined where nothing is known. */
  readonly explanation: string | undefined;
}

/** A clock that is wrong by more than this is mentioned, in milliseconds. */
const NOTABLE_SKEW_MS = 5 * 60_000;

/**
 * "Signature not valid in the specified time frame: Start [...] - Expiry [...] - Current [...]", and of a SAS without a
 * start "Signed expiry time [...] must be after signed start time [...]", where that start is now.
 */
const TIME_FRAME = /not valid in the specified (?:key )?time frame|^Signed expiry time/i;

export function explainRefusal(refused: RefusedSignature, now: Date = new Date()): Refusal {
  const { sas, wasAccepted, detail, serviceTime = now } = refused;
  const skew = describeSkew(serviceTime, now);
  if (sas === undefined) return { isExpired: false, explanation: skew };

  const { startsOn, expiresOn } = readSas(sas);
  const start = startsOn ?? timeIn(/Start \[([^\]]*)\]/.exec(detail));
  const end = expiresOn ?? timeIn(/Expiry \[([^\]]*)\]/.exec(detail));
  if (start !== undefined && start > serviceTime) {
    const from = `The SAS is valid only from ${start.toISOString()} on, and for the service it is ${serviceTime.toISOString()}.`;
    return { isExpired: false, explanation: sentences(from, skew) };
  }
  if ((end !== undefined && end <= serviceTime) || TIME_FRAME.test(detail)) {
    const when = end === undefined || end > serviceTime ? 'has expired' : `expired at ${end.toISOString()}`;
    return { isExpired: true, explanation: sentences(`The SAS ${when}.`, skew) };
  }
  if (wasAccepted) {
    const explanation = 'The SAS is no longer accepted: it was revoked, or the key that signed it was rotated.';
    return { isExpired: true, explanation };
  }
  return { isExpired: false, explanation: skew };
}

function describeSkew(serviceTime: Date, now: Date): string | undefined {
  const skewMs = now.getTime() - serviceTime.getTime();
  if (Math.abs(skewMs) < NOTABLE_SKEW_MS) return undefined;
  const minutes = Math.round(Math.abs(skewMs) / 60_000);
  return `The clock of this machine is ${minutes} min ${skewMs > 0 ? 'ahead of' : 'behind'} the service's: correct it.`;
}

function timeIn(match: RegExpExecArray | null): Date | undefined {
  const time = new Date(match?.[1] ?? '');
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function sentences(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}
