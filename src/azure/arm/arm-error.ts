// Finds the innermost error in an answer of Azure Resource Manager: in details, inner errors, and JSON inside a message.
// Sources: Azure REST guidelines, "Handling errors"; error answers in recordings of the service.

/** A JSON object in an answer. */
export type JsonObject = { readonly [name: string]: unknown };

/** Foreign text: neither printable nor without secrets yet. */
export interface ArmError {
  /** Codes from the innermost error to the outermost one. At least one. */
  readonly codes: readonly [string, ...string[]];
  /** The message that belongs to the innermost code. */
  readonly message: string;
  /** The parameter or resource that the error is about. */
  readonly target: string | undefined;
  /** How many other errors the same answer reports. */
  readonly others: number;
  /** Names of the policies that the request violates. */
  readonly policies: readonly string[];
}

/** Errors are a few levels deep. */
const MAX_DEPTH = 8;
/** Details beyond this number are only counted. */
const MAX_DETAILS = 100;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of a field; undefined if it is absent, empty or not a text. */
export function textIn(object: JsonObject | undefined, name: string): string | undefined {
  const value = object?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The field of an object, if it is an object itself. */
export function objectIn(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = object?.[name];
  return isObject(value) ? value : undefined;
}

/**
 * @param body - The answer, the status of an operation, or a resource that failed to provision.
 * @returns undefined if the body contains no error.
 */
export function armErrorOf(body: JsonObject | undefined): ArmError | undefined {
  if (body === undefined) return undefined;
  const properties = objectIn(body, 'properties');
  const roots = [body['error'], properties?.['error'], properties?.['statusMessage'], body];
  for (const root of roots) {
    const found = innermost(parsed(root), MAX_DEPTH);
    if (found !== undefined) return found;
  }
  return replicationError(properties);
}

/** An image version shows only in its regions why it failed. Source: REST, Gallery Image Versions, ReplicationStatus. */
function replicationError(properties: JsonObject | undefined): ArmError | undefined {
  const summary = objectIn(properties, 'replicationStatus')?.['summary'];
  const failed = (Array.isArray(summary) ? summary.slice(0, MAX_DETAILS) : []).flatMap((region: unknown) =>
    isObject(region) && region['state'] === 'Failed' ? [region] : [],
  );
  const [first] = failed;
  if (first === undefined) return undefined;
  const message = `${textIn(first, 'region') ?? 'unknown region'}: ${textIn(first, 'details') ?? 'no details'}`;
  return { codes: ['ReplicationFailed'], message, target: undefined, others: failed.length - 1, policies: [] };
}

/** An object, or the object in a text of JSON. */
function parsed(value: unknown): JsonObject | undefined {
  if (isObject(value)) return value;
  return typeof value === 'string' ? jsonIn(value) : undefined;
}

function innermost(node: JsonObject | undefined, depth: number): ArmError | undefined {
  if (node === undefined || depth === 0) return undefined;
  const wrapped = isObject(node['error']) ? innermost(node['error'], depth - 1) : undefined;
  if (wrapped !== undefined) return wrapped;
  const code = textIn(node, 'code');
  const message = textIn(node, 'message');
  const inner = innerError(node, message, depth);
  const policies = [...policiesIn(node), ...(inner?.policies ?? [])];
  if (inner !== undefined) {
    return {
      codes: code === undefined ? inner.codes : [...inner.codes, code],
      message: inner.message === '' ? (message ?? '') : inner.message,
      target: inner.target ?? textIn(node, 'target'),
      others: inner.others,
      policies: [...new Set(policies)],
    };
  }
  if (code === undefined) return undefined;
  return { codes: [code], message: message ?? '', target: textIn(node, 'target'), others: 0, policies };
}

function innerError(node: JsonObject, message: string | undefined, depth: number): ArmError | undefined {
  const details = node['details'];
  const found = (Array.isArray(details) ? details.slice(0, MAX_DETAILS) : []).flatMap((detail: unknown) => {
    const error = innermost(parsed(detail), depth - 1);
    return error === undefined ? [] : [error];
  });
  const [first] = found;
  if (first !== undefined) {
    const others = found.reduce((sum, error) => sum + error.others, found.length - 1);
    return { ...first, others, policies: found.flatMap(({ policies }) => policies) };
  }
  for (const name of ['innererror', 'innerError']) {
    const error = innermost(objectIn(node, name), depth - 1);
    if (error !== undefined) return error;
  }
  return message === undefined ? undefined : innermost(jsonIn(message), depth - 1);
}

/** The JSON object in a text, if that is an error. Other JSON in a message, such as the ids of policies, is not. */
function jsonIn(text: string): JsonObject | undefined {
  const [start, end] = [text.indexOf('{'), text.lastIndexOf('}')];
  if (start < 0 || end <= start) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice(start, end + 1));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Source: Azure Policy, "Understand error messages of RequestDisallowedByPolicy". */
function policiesIn(node: JsonObject): string[] {
  const additional = node['additionalInfo'];
  const infos = (Array.isArray(additional) ? additional.slice(0, MAX_DETAILS) : []).flatMap((one: unknown) =>
    isObject(one) && one['type'] === 'PolicyViolation' ? [objectIn(one, 'info')] : [],
  );
  const named = infos.flatMap(
    (info) => textIn(info, 'policyAssignmentDisplayName') ?? textIn(info, 'policyDefinitionDisplayName') ?? [],
  );
  if (named.length > 0) return named;
  // Without the right to read policies, only the message names them.
  const message = textIn(node, 'message') ?? '';
  return [...message.matchAll(/"policyAssignment":\s*\{\s*"name":\s*"([^"]+)"/g)].map(([, name = '']) => name);
}
