// Azure Resource Manager on loopback, for managed disks in upload and images: strict about requests, with every variant of
// long-running operations, and with the unknowns of the service as switches (`behaviour`).

import type { DiskServer } from '../disk-server/server.ts';
import type { TokenIssuer } from '../entra/token-issuer.ts';
import { seededRandom } from '../page-blob-server/faults.ts';
import type { TestCertificates } from '../test-certificates.ts';
import type { TestClock } from '../test-server/clock.ts';
import { count, newHttpCounters } from '../test-server/counters.ts';
import type { Answer, Exchange, RequestBody } from '../test-server/exchange.ts';
import { FaultRules } from '../test-server/fault-rules.ts';
import { TestServer } from '../test-server/server.ts';
import { deliver, endsEarly, proxyPage } from '../test-server/wire-faults.ts';
import { checkScope, checkToken, hasName, otherAudience, tokenOf } from './access-control.ts';
import {
  acceptedAnswer,
  commonHeaders,
  errorAnswer,
  finalAnswer,
  jsonAnswer,
  locationAnswer,
  statusAnswer,
} from './answers.ts';
import { type ArmBehaviour, DEFAULT_ARM_BEHAVIOUR } from './behaviour.ts';
import { ArmError, badRequest, conflict } from './errors.ts';
import { type ArmAnswerFault, type ArmFault, type ArmMatch, type LoggedArmRequest, meets } from './log.ts';
import { bugIn, DEFAULT_LONG_RUNNING, type LongRunning, RunningOperation } from './long-running.ts';
import { checkApiVersion, HANDLERS } from './operations.ts';
import { type ArmOperation, type ArmRequest, parseArmRequest } from './request.ts';
import { MAX_BODY, parsed, parsedOrUndefined } from './request-body.ts';
import { ArmResources } from './resources.ts';
import type { Handled } from './state.ts';

/** What a token for Resource Manager of the public cloud may name. */
export const ARM_AUDIENCES = [
  'https://management.azure.com',
  'https://management.azure.com/',
  'https://management.core.windows.net',
  'https://management.core.windows.net/',
] as const;

export interface ArmServerOptions {
  readonly issuer: TokenIssuer;
  readonly clock: TestClock;
  readonly disks: DiskServer;
  readonly certificates?: TestCertificates | undefined;
  readonly subscription?: string | undefined;
  /** Locations by name of the resource group. */
  readonly resourceGroups?: Readonly<Record<string, string>> | undefined;
  /** @default those of the public cloud */
  readonly audiences?: readonly string[] | undefined;
  readonly behaviour?: Partial<ArmBehaviour> | undefined;
  readonly longRunning?: Partial<LongRunning> | undefined;
  /** For faults with a probability. */
  readonly seed?: number | undefined;
  readonly onRequest?: ((entry: LoggedArmRequest) => void) | undefined;
}

/** A request that no correct client sends. */
export interface ArmViolation {
  /** The id of the request in the log. */
  readonly id: string;
  readonly method: string;
  readonly problem: string;
}

/** All public members may be used while requests are served. */
export class ArmServer extends TestServer {
  readonly behaviour: ArmBehaviour;
  readonly counters = newHttpCounters<ArmOperation>();
  readonly log: LoggedArmRequest[] = [];
  readonly faults: FaultRules<ArmMatch, LoggedArmRequest, ArmFault>;
  /** Tests assert that there are none. */
  readonly violations: ArmViolation[] = [];
  /** Actions that the identity's roles lack, such as `Microsoft.Compute/disks/write`. */
  readonly denied = new Set<string>();
  /** Resource providers that the subscription is registered for. */
  readonly registered = new Set(['Microsoft.Compute', 'Microsoft.Storage']);
  /** The subscription and what is in it. */
  readonly resources: ArmResources;
  readonly #options: ArmServerOptions;
  readonly #variants = new Map<ArmOperation, LongRunning>();
  readonly #running: RunningOperation[] = [];

  constructor(options: ArmServerOptions) {
    super(options);
    this.#options = options;
    this.behaviour = { ...DEFAULT_ARM_BEHAVIOUR, ...options.behaviour };
    this.faults = new FaultRules(seededRandom(options.seed ?? 1), meets);
    this.resources = new ArmResources(options.disks, this.behaviour, options);
    for (const operation of ASYNC_OPERATION_ONLY) this.setLongRunning({ headers: 'azure-async-operation' }, operation);
    if (options.longRunning !== undefined) this.setLongRunning(options.longRunning);
  }

  /** Changes how operations are answered from now on. @param operation - @default all */
  setLongRunning(change: Partial<LongRunning>, operation?: ArmOperation): void {
    for (const one of operation === undefined ? LONG_RUNNING : [operation]) {
      this.#variants.set(one, { ...this.#variantOf(one), ...change });
    }
  }

  /** The signatures of all poll URLs so far. */
  get pollSecrets(): string[] {
    return this.#running.flatMap(({ secrets }) => secrets);
  }

  #variantOf(operation: ArmOperation): LongRunning {
    return this.#variants.get(operation) ?? DEFAULT_LONG_RUNNING;
  }

  protected override async serve(exchange: Exchange, id: string): Promise<void> {
    const request = parseArmRequest(exchange.message, id);
    const entry = this.#newEntry(request);
    this.changed();
    try {
      const fault = this.faults.strike(entry);
      entry.fault = fault?.kind;
      if (await endsEarly(exchange, fault)) return;
      const body = await exchange.receive(true, MAX_BODY, (bytes) => {
        this.counters.bytesReceived += bytes;
      });
      entry.body = parsedOrUndefined(body);
      const answer = this.#answer(request, body, fault, entry);
      this.changed();
      await deliver(exchange, answer, fault, {
        onStatus: (status) => {
          entry.status = status;
          count(this.counters.byStatus, status);
        },
        onBytes: (bytes) => {
          this.counters.bytesSent += bytes;
        },
      });
    } finally {
      entry.aborted = exchange.isGone;
    }
  }

  #answer(request: ArmRequest, body: RequestBody, fault: ArmFault | undefined, entry: Entry): Answer {
    const always = commonHeaders(request.id, this.now());
    if (fault?.kind === 'proxy-page') return proxyPage(fault.status);
    if (fault?.kind === 'answer' && fault.isDone !== true)
      return replaced(fault, { status: 200, headers: always, body: [] });
    let answer: Answer;
    try {
      if (fault?.kind === 'error') throw fault.error;
      answer = this.#execute(request, body, fault, entry);
    } catch (error) {
      const failure = error instanceof ArmError ? error : bugIn(error);
      entry.errorCode = failure.body.code;
      count(this.counters.byErrorCode, failure.body.code);
      answer = errorAnswer(failure);
    }
    const complete = { ...answer, headers: { ...always, ...answer.headers } };
    return fault?.kind === 'answer' ? replaced(fault, complete) : complete;
  }

  #execute(request: ArmRequest, body: RequestBody, fault: ArmFault | undefined, entry: Entry): Answer {
    this.#authenticate(request);
    if (request.operation === 'PollOperation' || request.operation === 'PollLocation') return this.#poll(request);
    checkApiVersion(request);
    checkScope(request, this.resources.state, this);
    const handler = HANDLERS[request.operation];
    if (handler === undefined) {
      this.#violated(request, `${request.method} ${request.path} is not supported by this server.`);
      throw badRequest('NotSupported', 'This server does not support the request.');
    }
    const json = parsed(request, body);
    this.#settle(request);
    const handled = handler({
      request,
      body: json,
      state: this.resources.state,
      behaviour: this.behaviour,
      disks: this.#options.disks,
      now: this.now(),
      isRegistered: (namespace) => hasName(this.registered, namespace),
    });
    entry.committed = handled.kind === 'operation';
    if (handled.kind === 'operation') return this.#start(request, handled, fault);
    if (request.method === 'HEAD') return jsonAnswer(204, undefined);
    return jsonAnswer(handled.status, handled.json);
  }

  #authenticate(request: ArmRequest): void {
    const { issuer, audiences = ARM_AUDIENCES } = this.#options;
    if (request.query.has('sig')) this.#violated(request, 'A SAS was sent to Resource Manager.');
    const other = otherAudience(request, issuer, audiences);
    if (other !== undefined) this.#violated(request, `A token for ${other} was sent to Resource Manager.`);
    checkToken(request, issuer, audiences, this.now());
  }

  /** Ends the operation on the resource of a request if its time has come. @throws ArmError 409 if another one would begin. */
  #settle(request: ArmRequest): void {
    const target = this.resources.find(request.path.replace(/\/(?:begin|end)GetAccess$/i, ''));
    target?.running?.look(this.now());
    if (request.method !== 'GET' && target?.running?.isOver === false) throw conflict(request.names.at(-1) ?? '');
  }

  #start(request: ArmRequest, handled: Extract<Handled, { kind: 'operation' }>, fault: ArmFault | undefined): Answer {
    const variant = this.#variantOf(request.operation);
    const plan = {
      subscription: request.subscription,
      location: handled.location,
      apiVersion: request.query.get('api-version') ?? '',
      path: handled.path,
      complete: () => {
        try {
          if (fault?.kind === 'fails') throw fault.error;
          return handled.complete();
        } catch (error) {
          handled.fail?.();
          throw error;
        }
      },
    };
    const isKnownAtOnce = variant.mode === 'at-once' || variant.failureIn.startsWith('first-answer');
    const running = new RunningOperation(plan, variant, this.now());
    if (isKnownAtOnce) running.end(this.now());
    this.#running.push(running);
    handled.target.running = running;
    if (variant.mode === 'at-once') return finalAnswer(running);
    return acceptedAnswer(running, handled.accepted, this.origin);
  }

  /** Poll URLs are signed: a changed character leads nowhere. */
  #poll(request: ArmRequest): Answer {
    const { target, operation } = request;
    const running = this.#running.find((one) => one.statusTarget === target || one.locationTarget === target);
    if (running === undefined) {
      throw new ArmError(404, { code: 'NotFound', message: 'The entity was not found.' });
    }
    running.look(this.now());
    if (operation === 'PollLocation') return locationAnswer(running, this.origin);
    return statusAnswer(running, this.origin, running.statusTarget !== target);
  }

  #violated({ id, method }: ArmRequest, problem: string): void {
    this.violations.push({ id, method, problem });
  }

  #newEntry(request: ArmRequest): Entry {
    const entry: Entry = {
      id: request.id,
      method: request.method,
      operation: request.operation,
      path: request.path,
      name: request.names.at(-1) ?? '',
      apiVersion: request.query.get('api-version'),
      headers: request.headers,
      body: undefined,
      audience: this.#options.issuer.audienceOf(tokenOf(request)),
      fault: undefined,
      status: undefined,
      errorCode: undefined,
      committed: false,
      aborted: false,
    };
    this.log.push(entry);
    count(this.counters.byOperation, request.operation);
    this.#options.onRequest?.(entry);
    return entry;
  }
}

type Entry = { -readonly [K in keyof LoggedArmRequest]: LoggedArmRequest[K] };

/** As in recordings: only these answer with one header. */
const ASYNC_OPERATION_ONLY: readonly ArmOperation[] = [
  'PutImage',
  'PutGallery',
  'PutGalleryImage',
  'PutGalleryImageVersion',
];

const LONG_RUNNING: readonly ArmOperation[] = [
  ...ASYNC_OPERATION_ONLY,
  ...(['PutDisk', 'PatchDisk', 'DeleteDisk', 'BeginGetAccess', 'EndGetAccess'] as const),
  ...(['DeleteImage', 'DeleteGalleryImageVersion'] as const),
];

function replaced(fault: ArmAnswerFault, done: Answer): Answer {
  const body = fault.body === undefined ? [...done.body] : [Buffer.from(fault.body)];
  const length = body.reduce((sum, piece) => sum + piece.length, 0);
  const all = { ...done.headers, 'content-length': String(length), ...fault.headers };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { status: fault.status ?? done.status, headers: Object.fromEntries(given), body };
}
