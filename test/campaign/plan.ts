// The events of a round, drawn from its seed before it starts: faults, and actions of others at given requests.
import type { Picker } from '../hostile/random.ts';
import type { Fault, FaultMatch } from '../support/page-blob-server/faults.ts';
import type { ServiceModel } from '../support/page-blob-server/model.ts';
import type { Operation } from '../support/page-blob-server/request.ts';

export type ForeignChange =
  | 'write'
  | 'clear'
  | 'resize'
  | 'delete'
  | 'replace'
  | 'metadata'
  | 'break-lease'
  | 'break-lease-and-write'
  | 'hold-lease';

export interface SecondUploader {
  /** Whether the first uploader is stopped (SIGSTOP) until the second has ended. */
  readonly pausesFirst: boolean;
  readonly sharesCheckpoint: boolean;
  readonly sharesImage: boolean;
  readonly options: readonly string[];
}

/** Something that happens during a run. */
export type RunAction =
  | { readonly kind: 'signal'; readonly signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM' | 'SIGHUP'; readonly twice: boolean }
  | { readonly kind: 'expire-sas' }
  | { readonly kind: 'foreign'; readonly change: ForeignChange }
  /** The machine sleeps longer than a lease lasts, and somebody may write meanwhile. */
  | { readonly kind: 'sleep'; readonly change: ForeignChange | undefined }
  | { readonly kind: 'modify-image' }
  | { readonly kind: 'copy-checkpoint' }
  | { readonly kind: 'second'; readonly second: SecondUploader };

/** Something that happens between two runs. */
export type BetweenAction =
  | { readonly kind: 'lose-checkpoint' }
  | { readonly kind: 'old-checkpoint' }
  | { readonly kind: 'damage-checkpoint'; readonly how: 'cut' | 'flip' | 'empty' | 'nonsense' }
  | { readonly kind: 'move' }
  | { readonly kind: 'foreign'; readonly change: ForeignChange }
  | { readonly kind: 'modify-image' }
  | { readonly kind: 'expire-sas' }
  | { readonly kind: 'wait' };

export interface PlannedFault {
  readonly on: FaultMatch;
  readonly fault: Fault;
}

export interface RunPlan {
  readonly faults: readonly PlannedFault[];
  readonly model: ServiceModel;
  /** `at` is the number of the request of this run at which it happens, from 1. */
  readonly actions: readonly { readonly at: number; readonly action: RunAction }[];
  readonly afterwards: readonly BetweenAction[];
}

/** @param requests - About the number of requests of an undisturbed run. */
export function randomPlan(pick: Picker, requests: number, mayFlip: boolean): RunPlan[] {
  return Array.from({ length: pick.of([1, 1, 2, 2, 3]) }, () => ({
    faults: pick.chance(0.55) ? Array.from({ length: pick.between(1, 4) }, () => randomFault(pick, mayFlip)) : [],
    model: randomModel(pick),
    actions: Array.from({ length: pick.of([1, 1, 1, 2]) }, () => ({
      at: pick.between(1, requests),
      action: randomAction(pick),
    })),
    afterwards: pick.chance(0.5) ? Array.from({ length: pick.between(1, 2) }, () => randomBetween(pick)) : [],
  }));
}

function randomModel(pick: Picker): ServiceModel {
  return {
    latencyMs: pick.of([0, 1, 2, 5, 20]),
    ...(pick.chance(0.1) ? { bytesPerSecond: 30 * 1024 * 1024 } : {}),
    ...(pick.chance(0.06) ? { requestsPerSecond: 40 } : {}),
  };
}

function randomAction(pick: Picker): RunAction {
  const draw = pick.random();
  if (draw < 0.45) {
    const signal = pick.of(['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGINT', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const);
    return { kind: 'signal', signal, twice: pick.chance(0.3) && signal !== 'SIGKILL' };
  }
  if (draw < 0.57) return { kind: 'expire-sas' };
  if (draw < 0.72) return { kind: 'foreign', change: randomChange(pick) };
  if (draw < 0.77) return { kind: 'sleep', change: pick.chance(0.5) ? randomChange(pick) : undefined };
  if (draw < 0.81) return { kind: 'modify-image' };
  if (draw < 0.86) return { kind: 'copy-checkpoint' };
  return { kind: 'second', second: randomSecond(pick) };
}

function randomSecond(pick: Picker): SecondUploader {
  const options = pick.chance(0.5)
    ? []
    : pick.of([
        ['--overwrite'],
        ['--restart'],
        ['--resume-from-blob'],
        ['--break-lease'],
        ['--break-lease', '--overwrite'],
      ]);
  return {
    pausesFirst: pick.chance(0.5),
    sharesCheckpoint: pick.chance(0.5),
    sharesImage: pick.chance(0.6),
    options,
  };
}

function randomBetween(pick: Picker): BetweenAction {
  const draw = pick.random();
  if (draw < 0.15) return { kind: 'lose-checkpoint' };
  if (draw < 0.3) return { kind: 'old-checkpoint' };
  if (draw < 0.42) return { kind: 'damage-checkpoint', how: pick.of(['cut', 'flip', 'empty', 'nonsense']) };
  if (draw < 0.57) return { kind: 'move' };
  if (draw < 0.77) return { kind: 'foreign', change: randomChange(pick) };
  if (draw < 0.85) return { kind: 'modify-image' };
  if (draw < 0.92) return { kind: 'expire-sas' };
  return { kind: 'wait' };
}

function randomChange(pick: Picker): ForeignChange {
  return pick.of([
    'write',
    'write',
    'write',
    'clear',
    'resize',
    'delete',
    'replace',
    'metadata',
    'break-lease',
    'break-lease-and-write',
    'hold-lease',
  ]);
}

const OPERATIONS: readonly Operation[] = [
  'PutPage',
  'PutPage',
  'PutPage',
  'PutPage',
  'PutBlob',
  'GetBlobProperties',
  'SetBlobMetadata',
  'SetBlobProperties',
  'GetPageRanges',
  'GetBlob',
  'AcquireLease',
  'RenewLease',
  'ChangeLease',
  'ReleaseLease',
  'CreateContainer',
];

/** Each may be an answer of the service or of something in between. */
const STATUSES: readonly (readonly [number, string])[] = [
  [500, 'InternalError'],
  [500, 'OperationTimedOut'],
  [503, 'ServerBusy'],
  [502, 'BadGateway'],
  [504, 'GatewayTimeout'],
  [408, 'RequestTimeout'],
  [429, 'TooManyRequests'],
  [413, 'RequestBodyTooLarge'],
  [403, 'AuthorizationFailure'],
  [403, 'AuthorizationPermissionMismatch'],
  [403, 'AuthenticationFailed'],
  [404, 'BlobNotFound'],
  [404, 'ContainerNotFound'],
  [404, 'ResourceNotFound'],
  [409, 'ContainerBeingDeleted'],
  [409, 'LeaseAlreadyPresent'],
  [409, 'AccountBeingCreated'],
  [410, 'Gone'],
  [412, 'ConditionNotMet'],
  [412, 'LeaseIdMissing'],
  [416, 'InvalidRange'],
  [400, 'InvalidHeaderValue'],
  [400, 'Md5Mismatch'],
  [501, 'NotImplemented'],
];

function randomFault(pick: Picker, mayFlip: boolean): PlannedFault {
  const operation = pick.of(OPERATIONS);
  const nth = pick.between(1, operation === 'PutPage' ? pick.of([3, 12]) : operation === 'GetBlob' ? 4 : 2);
  const fault = randomKind(pick);
  // Without checksums and read-back, damaged bytes arrive unnoticed, as the user chose.
  const isAllowed = mayFlip || fault.kind !== 'flip-received-bit';
  return {
    on: { operation, nth: pick.chance(0.75) ? nth : [nth, nth + 1] },
    fault: isAllowed ? fault : { kind: 'reset-after-commit' },
  };
}

function randomKind(pick: Picker): Fault {
  const maxMs = pick.between(300, 1500);
  if (pick.chance(0.4)) {
    const [status, code] = pick.of(STATUSES);
    return { kind: 'status', status, code, ...(status === 503 && pick.chance(0.3) ? { retryAfterSeconds: 1 } : {}) };
  }
  return pick.of<Fault>([
    { kind: 'reset-before-read' },
    { kind: 'reset-after-commit' },
    { kind: 'reset-after-commit' },
    { kind: 'stall-body', maxMs },
    { kind: 'stall-answer', maxMs },
    { kind: 'delay-answer', delayMs: pick.between(10, 600) },
    { kind: 'truncated-answer' },
    { kind: 'garbled-answer', form: pick.of(['not-http', 'wrong-content']) },
    { kind: 'flip-received-bit', bit: pick.below(2 ** 20) },
    { kind: 'flip-sent-bit', bit: pick.below(2 ** 14) },
    { kind: 'proxy-page', status: pick.of([200, 302, 403, 407, 502, 511]) },
  ]);
}
