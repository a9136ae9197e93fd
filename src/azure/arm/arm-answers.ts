// What each failure of Azure Resource Manager means: transient (and for how long) or permanent, what it is about, the next step.
// Sources: learn.microsoft.com, "Troubleshoot common Azure deployment errors", "Error messages of Azure virtual machines",
// "Throttling Resource Manager requests"; REST, Disks, Grant Access.
import type { RetryLimit } from '../../errors.ts';
import { ADVICE, type Advice } from './arm-advice.ts';

/** What a permanent failure is about. It decides the error class, and so the exit code. */
export type ArmBlame = 'credential' | 'expired' | 'destination' | 'in-use' | 'content' | 'service';

export interface ArmOutcome {
  /** Whether the same request may succeed later. Without a limit, only `giveUpAfterMs` stops the retries. */
  readonly transient: boolean;
  readonly limit?: RetryLimit;
  readonly blame: ArmBlame;
  readonly advice: Advice | undefined;
}

/** HTTP status of the answer; `operation` if a long-running operation failed. */
export type FailedStatus = number | 'operation';

interface Row {
  /** "any", or several of "409", "5xx", "operation". */
  readonly status: readonly string[];
  /** Undefined matches every code. */
  readonly code: RegExp | undefined;
  readonly outcome: ArmOutcome;
  /** What the message must match if the code has several meanings. */
  readonly says: RegExp | undefined;
}

/** @param codes - Codes separated by blanks, with * for any letters; "any". */
function row(status: string, codes: string, outcome: ArmOutcome, says?: RegExp): Row {
  const patterns = codes.split(' ').map((code) => code.replaceAll('*', '\\w*'));
  const code = codes === 'any' ? undefined : new RegExp(`^(?:${patterns.join('|')})$`, 'i');
  return { status: status.split(' '), code, outcome, says };
}

function retry(limit?: RetryLimit, blame: ArmBlame = 'service', advice?: Advice): ArmOutcome {
  return { transient: true, blame, advice, ...(limit === undefined ? {} : { limit }) };
}

function end(blame: ArmBlame, advice?: Advice): ArmOutcome {
  return { transient: false, blame, advice };
}

/** With the delays between attempts, about 8 seconds, 1 minute and 2 minutes. */
const AT_MOST_5: RetryLimit = { tries: 5 };
const AT_MOST_8: RetryLimit = { tries: 8 };
const AT_MOST_10: RetryLimit = { tries: 10 };
/** Another operation on the same resource ends within a minute as a rule. */
const SOME_MINUTES: RetryLimit = { ms: 10 * 60_000 };

/** The first row that matches decides; the last row matches everything. */
const ROWS: readonly Row[] = [
  // Throttling, whatever its code: OperationNotAllowed, TooManyRequests, SubscriptionRequestsThrottled, ...
  row('408 429', 'any', retry()),

  // Conflicts that end by themselves.
  row(
    'any',
    'RetryableError* OperationPreempted *OperationInProgress ConcurrentUpdate*',
    retry(SOME_MINUTES, 'in-use'),
  ),
  row('any', 'ResourceNotReady *BeingDetached', retry(SOME_MINUTES, 'in-use')),
  // "Another operation is changing the resource, or the disk is in an incompatible state": granting access takes half a minute.
  row('409', 'Conflict', retry(AT_MOST_8, 'destination', ADVICE.conflict), /another operation/i),
  row('any', 'OperationLost', retry(AT_MOST_5)),

  // The token.
  row('any', 'ExpiredAuthenticationToken', end('expired', ADVICE.expiredToken)),
  row('any', 'InvalidAuthenticationTokenTenant', end('credential', ADVICE.otherTenant)),
  row('any', 'InvalidAuthenticationToken* AuthenticationFailed*', end('credential', ADVICE.rejectedToken)),

  // Permissions, policies and locks.
  row('any', '*AuthorizationFailed', end('credential', ADVICE.role)),
  row('any', 'RequestDisallowedByPolicy', end('destination', ADVICE.policy)),
  row('any', 'RequestDisallowedByAzure', end('destination', ADVICE.disallowedByAzure)),
  row('any', 'ScopeLocked *ResourceLocked LockedResource*', end('destination', ADVICE.lock)),

  // The subscription and the resource group.
  row('any', 'SubscriptionNotFound InvalidSubscription*', end('destination', ADVICE.noSubscription)),
  row('any', '*DisabledSubscription SubscriptionDisabled', end('destination', ADVICE.disabledSubscription)),
  row('any', 'NoRegisteredProviderFound', end('service', ADVICE.apiVersion), /api[ -]version/i),
  row('any', 'Missing*Registration* *NotRegistered* NoRegisteredProviderFound', end('destination', ADVICE.register)),
  row('any', 'ResourceGroupNotFound', end('destination', ADVICE.noGroup)),
  row('any', 'ResourceGroupBeingDeleted ResourceGroupDeletion*', end('destination', ADVICE.groupDeleted)),

  // The region, the zone and the quota.
  row('any', 'LocationNot* InvalidLocation LocationRequired', end('destination', ADVICE.location)),
  row('any', 'Sku* *Zone*NotSupported* *AvailabilityZone* NotAvailableForSubscription', end('destination', ADVICE.sku)),
  row('any', '*Quota* *LimitExceeded', end('destination', ADVICE.quota)),
  row('any', 'OperationNotAllowed', end('destination', ADVICE.quota), /\bquota\b/i),

  // The disk.
  row('any', 'InvalidVhd*', end('content', ADVICE.invalidVhd)),
  row('any', 'PropertyChangeNotAllowed InvalidResourceLocation', end('destination', ADVICE.nameTaken)),
  row('any', 'ResourceExists *AlreadyExists', end('destination', ADVICE.nameTaken)),
  row('any', '*ActiveSas* *ActiveUpload*', end('in-use', ADVICE.activeSas)),
  row('any', '*InUse* *AlreadyOwned* *AlreadyAttached* ConflictingUserInput', end('in-use', ADVICE.attached)),
  row('any', 'OperationNotAllowed', end('in-use', ADVICE.activeSas), /\bSAS\b|shared access|active ?upload/i),
  row('any', 'OperationNotAllowed', end('in-use', ADVICE.attached), /\battached\b|\bin use\b/i),

  // The request.
  row('any', '*ApiVersion* InvalidResourceType', end('service', ADVICE.apiVersion)),
  row('any', 'StorageAccountNotFound', end('destination', ADVICE.noAccount)),
  row('any', '*ResourceNotFound GalleryImageNotFound NotFound', end('destination', ADVICE.notFound)),
  row('any', 'Invalid* BadRequest PropertyNotSupported OperationNotAllowed', end('destination', ADVICE.parameter)),

  // Operations that failed.
  row('operation', 'InternalExecutionError', end('service', ADVICE.unfinishedDisk)),
  row('5xx', 'InternalExecutionError', retry(AT_MOST_5, 'service', ADVICE.unfinishedDisk)),
  row('operation', 'Internal*Error ServiceUnavailable TooManyRequests RequestTimeout', retry(AT_MOST_5)),
  row('operation', 'Cancel*', end('service', ADVICE.cancelled)),
  row('operation', 'any', end('service')),

  // Everything else, by status. A success that cannot be read was truncated or garbled.
  row('2xx', 'any', retry(AT_MOST_10)),
  row('500 502 503 504', 'any', retry()),
  row('401', 'any', end('credential', ADVICE.rejectedToken)),
  row('403', 'any', end('credential', ADVICE.role)),
  row('404', 'any', end('destination', ADVICE.notFound)),
  row('409', 'any', retry(AT_MOST_5, 'destination', ADVICE.conflict)),
  row('412', 'any', end('destination')),
  // Never followed: a redirect would send the token to another host.
  row('3xx', 'any', end('service', ADVICE.redirect)),
  // 400, 405, 413, 415, 501, ...
  row('any', 'any', end('service')),
];

/**
 * @param codes - From the innermost error to the outermost one. The innermost code that has a row of its own decides.
 * @param message - Of the innermost error.
 */
export function armOutcomeOf(status: FailedStatus, codes: readonly string[], message: string): ArmOutcome {
  const candidates = ROWS.filter((row) => row.status.some((pattern) => isStatus(pattern, status)));
  const always = candidates.find((row) => row.code === undefined);
  // Throttling comes before all codes.
  if (always !== undefined && always === candidates[0]) return always.outcome;
  for (const code of codes) {
    const named = candidates.find(
      (row) => row.code?.test(code) === true && (row.says === undefined || row.says.test(message)),
    );
    if (named !== undefined) return named.outcome;
  }
  return always?.outcome ?? end('service');
}

function isStatus(pattern: string, status: FailedStatus): boolean {
  return (
    pattern === 'any' ||
    pattern === String(status) ||
    (status !== 'operation' && pattern === `${Math.floor(status / 100)}xx`)
  );
}
