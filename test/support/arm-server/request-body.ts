// The JSON of a request.

import type { RequestBody } from '../test-server/exchange.ts';
import { ArmError, badRequest } from './errors.ts';
import type { ArmRequest } from './request.ts';

export const MAX_BODY = 4 * 1024 * 1024;

/** Undefined without a body. @throws ArmError 400 or 415. */
export function parsed({ method, headers }: ArmRequest, body: RequestBody): unknown {
  if (body.length === 0) return undefined;
  if (method === 'GET' || method === 'HEAD' || method === 'DELETE') {
    throw badRequest('InvalidRequestContent', `${method} must not have a body.`);
  }
  if (!/^application\/json\b/.test(headers.get('content-type') ?? '')) {
    const message = `The content media type '${headers.get('content-type') ?? '<null>'}' is not supported. Only 'application/json' is supported.`;
    throw new ArmError(415, { code: 'UnsupportedMediaType', message });
  }
  const json = parsedOrUndefined(body);
  if (json === undefined)
    throw badRequest('InvalidRequestContent', 'The request content was invalid and could not be deserialized.');
  return json;
}

/** Undefined without a body, and if it is not JSON. */
export function parsedOrUndefined({ pieces, length }: RequestBody): unknown {
  if (length === 0 || length > MAX_BODY) return undefined;
  try {
    return JSON.parse(Buffer.concat(pieces ?? []).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
