// Long-running operations: how they are answered and polled, in every variant that the contract of Resource Manager allows
// (github.com/cloud-and-ai-microsoft/resource-provider-contract, "Asynchronous Operations").

import { randomBytes, randomUUID } from 'node:crypto';
import { ArmError, internalServerError } from './errors.ts';

/** How operations are answered. */
export interface LongRunning {
  /** 202 (or 201) and polls, or 200 with the result. @default polled */
  readonly mode: 'polled' | 'at-once';
  /** Which headers lead to the polls. `none`: the caller reads provisioningState of the resource. @default as recorded */
  readonly headers: 'both' | 'azure-async-operation' | 'location' | 'none';
  /** @default no Retry-After, as in recordings of disks */
  readonly retryAfterSeconds: number | undefined;
  /** How many polls find the operation in progress. @default 0 */
  readonly inProgressPolls: number;
  /** Of the operation in progress. Everything but the ends means that it is. @default InProgress */
  readonly inProgressStatus: string;
  /** Ends are compared without case. @default Succeeded */
  readonly succeededStatus: string;
  /** By the clock of the server. Granting write access took 27 s in a recording. @default 0 */
  readonly delayMs: number;
  /** After this many polls the answer names new poll URLs, and the old ones are gone. @default never */
  readonly newUrlAfterPolls: number | undefined;
  /** Polls of an operation in progress have no body. @default false */
  readonly isSilent: boolean;
  /** Where the result is. @default both */
  readonly resultIn: 'both' | 'status' | 'location';
  /**
   * Where a failure is shown: a status with `error`, or `error` alone in an answer of an error or of 200, to the first request or
   * to a poll. @default status
   */
  readonly failureIn: 'status' | 'first-answer' | 'first-answer-200' | 'poll' | 'poll-200';
  /** Scheme, host and port of the poll URLs. @default the server's own */
  readonly pollOrigin: string | undefined;
}

export const DEFAULT_LONG_RUNNING: LongRunning = {
  mode: 'polled',
  headers: 'both',
  retryAfterSeconds: undefined,
  inProgressPolls: 0,
  inProgressStatus: 'InProgress',
  succeededStatus: 'Succeeded',
  delayMs: 0,
  newUrlAfterPolls: undefined,
  isSilent: false,
  resultIn: 'both',
  failureIn: 'status',
  pollOrigin: undefined,
};

/** The result of an operation, or why it failed. */
export type Outcome = { readonly output: unknown } | { readonly error: ArmError };

/** The part of poll URLs that names the kind of operation. */
export type OperationsPath = 'DiskOperations' | 'Operations' | 'capsOperations';

export interface OperationPlan {
  readonly subscription: string;
  readonly location: string;
  readonly apiVersion: string;
  readonly path: OperationsPath;
  /** Takes effect and returns the result. @throws ArmError the operation fails. */
  readonly complete: () => unknown;
}

/** One operation that was accepted. It takes effect when somebody looks after its polls and its delay. */
export class RunningOperation {
  readonly id = randomUUID();
  readonly variant: LongRunning;
  readonly startedAt: Date;
  endedAt: Date | undefined;
  outcome: Outcome | undefined;
  /** The poll URLs in force: path and query. */
  statusTarget = '';
  locationTarget = '';
  /** The signatures of all poll URLs so far, which no output may show. */
  readonly secrets: string[] = [];
  readonly #plan: OperationPlan;
  #looks = 0;

  constructor(plan: OperationPlan, variant: LongRunning, now: Date) {
    this.#plan = plan;
    this.variant = variant;
    this.startedAt = now;
    this.#newTargets();
  }

  get isOver(): boolean {
    return this.outcome !== undefined;
  }

  /** Ends the operation if its time has come, without a poll. */
  settle(now: Date): void {
    const isDue = now.getTime() >= this.startedAt.getTime() + this.variant.delayMs;
    if (!this.isOver && isDue && this.#looks >= this.variant.inProgressPolls) this.end(now);
  }

  /** Takes effect now. */
  end(now: Date): void {
    this.outcome = outcomeOf(this.#plan.complete);
    this.endedAt = now;
  }

  /** A poll, or a request for the resource: ends the operation if its time has come. */
  look(now: Date): void {
    this.settle(now);
    this.#looks += 1;
    if (!this.isOver && this.#looks === this.variant.newUrlAfterPolls) this.#newTargets();
  }

  #newTargets(): void {
    const { subscription, location, apiVersion, path } = this.#plan;
    const base = `/subscriptions/${subscription}/providers/Microsoft.Compute/locations/${location}/${path}/${this.id}?p=${randomUUID()}`;
    const [certificate, signature, hash] = [2000, 256, 32].map((length) => randomBytes(length).toString('base64url'));
    const signed = `api-version=${apiVersion}&t=${Date.now()}&c=${certificate}&s=${signature}&h=${hash}`;
    this.statusTarget = `${base}&${signed}`;
    this.locationTarget = `${base}&monitor=true&${signed}`;
    this.secrets.push(...[certificate, signature, hash].filter((secret) => secret !== undefined));
  }
}

/** Executes and keeps what comes of it. */
function outcomeOf(complete: () => unknown): Outcome {
  try {
    return { output: complete() };
  } catch (error) {
    return { error: error instanceof ArmError ? error : bugIn(error) };
  }
}

/** A bug in this server. The answer names it, so that a test can detect it. */
export function bugIn(error: unknown): ArmError {
  const { status, body } = internalServerError();
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new ArmError(status, { ...body, code: 'TestServerBug', message });
}
