// The log of the test server of Resource Manager, and its faults.

import type { Repetition } from '../test-server/fault-rules.ts';
import type { WireFault } from '../test-server/wire-faults.ts';
import type { ArmError } from './errors.ts';
import type { ArmOperation } from './request.ts';

/** One request. The log has the order of arrival. */
export interface LoggedArmRequest {
  readonly id: string;
  readonly method: string;
  readonly operation: ArmOperation;
  /** Without the query, which is a secret in poll URLs. */
  readonly path: string;
  /** The name of the innermost resource; empty if there is none. */
  readonly name: string;
  readonly apiVersion: string | undefined;
  readonly headers: ReadonlyMap<string, string>;
  /** Parsed JSON; undefined without a body, or if it is not JSON. */
  readonly body: unknown;
  /** Of the token, if it was issued by the issuer of the servers. */
  readonly audience: string | undefined;
  readonly fault: ArmFault['kind'] | undefined;
  /** Undefined until, or unless, an answer was sent. */
  readonly status: number | undefined;
  readonly errorCode: string | undefined;
  /** Whether the request changed something or started an operation, even if the client got no answer. */
  readonly committed: boolean;
  /** Whether the connection ended before the answer was complete. */
  readonly aborted: boolean;
}

/** The fault of a request. */
export type ArmFault =
  /** The error is the answer, and nothing is executed. */
  | { readonly kind: 'error'; readonly error: ArmError }
  /** A long-running operation is accepted, has no effect, and ends with the error. */
  | { readonly kind: 'fails'; readonly error: ArmError }
  | ArmAnswerFault
  | WireFault;

/** Any answer that replaces that of the operation. */
export interface ArmAnswerFault {
  readonly kind: 'answer';
  /** @default that of the operation if it was executed, otherwise 200 */
  readonly status?: number;
  /** Added to the headers of the service, or replacing them; undefined omits a header. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** @default that of the operation if it was executed, otherwise none */
  readonly body?: string;
  /** Whether the operation is executed. */
  readonly isDone?: boolean;
}

/** Selects the requests that meet all given conditions. */
export interface ArmMatch extends Repetition {
  readonly operation?: ArmOperation | readonly ArmOperation[];
  /** The name of the innermost resource. */
  readonly name?: string;
}

export function meets({ operation, name }: LoggedArmRequest, match: ArmMatch): boolean {
  if (match.operation !== undefined && ![match.operation].flat().includes(operation)) return false;
  return match.name === undefined || match.name === name;
}
