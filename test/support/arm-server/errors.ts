// The errors of Azure Resource Manager: status, code and shape as the service sends them ("Troubleshoot common Azure deployment
// errors", and answers in public issues), for the server and for tests that provoke them.

import { PRINCIPAL } from '../entra/token-issuer.ts';

/** The object below `error` in an answer. */
export interface ArmErrorBody {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
  readonly details?: readonly ArmErrorBody[];
  readonly innererror?: { readonly [key: string]: unknown };
  readonly additionalInfo?: readonly { readonly type: string; readonly info: unknown }[];
}

/** An answer other than success. */
export class ArmError extends Error {
  readonly status: number;
  readonly body: ArmErrorBody;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: ArmErrorBody, headers: Record<string, string> = {}) {
    super(`${body.code}: ${body.message}`);
    this.name = 'ArmError';
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

function error(status: number, code: string, message: string, more: Partial<ArmErrorBody> = {}): ArmError {
  return new ArmError(status, { code, message, ...more });
}

export function badRequest(code: string, message: string, target?: string): ArmError {
  return error(400, code, message, target === undefined ? {} : { target });
}

/** 400 for one property of the body. */
export function invalidParameter(target: string, message: string): ArmError {
  return badRequest('InvalidParameter', message, target);
}

/** 400: the body is not JSON of the expected shape. */
export function invalidContent(problem: string): ArmError {
  return badRequest(
    'InvalidRequestContent',
    `The request content was invalid and could not be deserialized: '${problem}'`,
  );
}

/** 403: the identity lacks the role. @param action - Such as `Microsoft.Compute/disks/write`. */
export function authorizationFailed(action: string, scope: string): ArmError {
  return error(
    403,
    'AuthorizationFailed',
    `The client '${PRINCIPAL}' with object id '${PRINCIPAL}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}

/** 409: the resource provider is not registered. */
export function missingSubscriptionRegistration(namespace = 'Microsoft.Compute'): ArmError {
  const code = 'MissingSubscriptionRegistration';
  const message = `The subscription is not registered to use namespace '${namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions.`;
  return error(409, code, message, { details: [{ code, target: namespace, message }] });
}

/** 409: the other code for a subscription that is not registered. */
export function subscriptionNotRegistered(subscription: string): ArmError {
  return error(409, 'SubscriptionNotRegistered', `Subscription ${subscription} is not registered.`);
}

/** 404. */
export function subscriptionNotFound(subscription: string): ArmError {
  return error(404, 'SubscriptionNotFound', `The subscription '${subscription}' could not be found.`);
}

/** 409: the SKU is not offered there. The code is in the details, as in deployments. */
export function skuNotAvailable(sku: string, location: string): ArmError {
  const inner = {
    code: 'SkuNotAvailable',
    message: `The requested size for resource '${sku}' is currently not available in location '${location}'. Please try another size or deploy to a different location or different zone. See https://aka.ms/azureskunotavailable for details.`,
  };
  return error(409, 'Conflict', 'The request is not valid. See inner errors for details.', { details: [inner] });
}

/** 403: a policy denies the request. */
export function requestDisallowedByPolicy(resource: string, policy: string): ArmError {
  const assignment = `/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Authorization/policyAssignments/${policy}`;
  const identifiers = JSON.stringify([{ policyAssignment: { name: policy, id: assignment } }]);
  return error(
    403,
    'RequestDisallowedByPolicy',
    `Resource '${resource}' was disallowed by policy. Policy identifiers: '${identifiers}'.`,
    {
      target: resource,
      additionalInfo: [
        { type: 'PolicyViolation', info: { policyAssignmentName: policy, policyAssignmentId: assignment } },
      ],
    },
  );
}

/** 409: a lock on the scope or above it. */
export function scopeLocked(scope: string, operation: 'write' | 'delete'): ArmError {
  return error(
    409,
    'ScopeLocked',
    `The scope '${scope}' cannot perform ${operation} operation because following scope(s) are locked: '${scope}'. Please remove the lock and try again.`,
  );
}

/** 409: a quota of the subscription, with the code in `innererror`. */
export function quotaExceeded(quota: string, limit: number): ArmError {
  const message = `Operation could not be completed as it results in exceeding approved ${quota} quota. Current Limit: ${limit}, Current Usage: ${limit}, Additional Required: 1.`;
  return error(409, 'OperationNotAllowed', message, { innererror: { code: 'QuotaExceeded', message } });
}

/** 404. */
export function resourceGroupNotFound(name: string): ArmError {
  return error(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`);
}

/** 404 from the front of Resource Manager. @param path - Such as `Microsoft.Compute/disks/d1`. */
export function resourceNotFound(path: string, resourceGroup: string): ArmError {
  return new ArmError(
    404,
    {
      code: 'ResourceNotFound',
      message: `The Resource '${path}' under resource group '${resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    },
    { 'x-ms-failure-cause': 'gateway' },
  );
}

/** 404: the parent of a nested resource does not exist. */
export function parentResourceNotFound(name: string): ArmError {
  return error(
    404,
    'ParentResourceNotFound',
    `Failed to perform 'write' on resource(s) of type nested resource, because the parent resource '${name}' could not be found.`,
  );
}

/** 409: another operation is changing the resource. */
export function conflict(resource: string): ArmError {
  return error(
    409,
    'Conflict',
    `Another operation is changing the resource '${resource}', or the disk is in an incompatible state. Retry the operation.`,
  );
}

/** 409: the state of the resource does not allow the operation. */
export function operationNotAllowed(message: string): ArmError {
  return error(409, 'OperationNotAllowed', message);
}

/** 409: a property that cannot change after creation. */
export function propertyChangeNotAllowed(property: string): ArmError {
  return error(409, 'PropertyChangeNotAllowed', `Changing property '${property}' is not allowed.`, {
    target: property,
  });
}

/** 409: the name is in use in another region. */
export function invalidResourceLocation(name: string, location: string, requested: string): ArmError {
  return error(
    409,
    'InvalidResourceLocation',
    `The resource '${name}' already exists in location '${location}'. A resource with the same name cannot be created in location '${requested}'. Please select a new resource name.`,
  );
}

/** 429, with Retry-After. */
export function tooManyRequests(retryAfterSeconds: number): ArmError {
  const message = 'The server rejected the request because too many requests have been received for this subscription.';
  const inner = { code: 'TooManyRequests', target: 'CreateUpdateDisks3Min', message };
  return new ArmError(
    429,
    { code: 'OperationNotAllowed', message, details: [inner] },
    { 'retry-after': String(retryAfterSeconds) },
  );
}

/** 500. */
export function internalServerError(): ArmError {
  return error(500, 'InternalServerError', 'Encountered internal server error. Diagnostic information: …');
}

/** What an image of a disk in upload ends with. */
export function internalExecutionError(): ArmError {
  return error(500, 'InternalExecutionError', 'An internal execution error occurred.');
}

/** 401: no token. */
export function missingToken(): ArmError {
  return unauthorized('AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.");
}

/** 401: not a token of the tenant. */
export function invalidToken(): ArmError {
  return unauthorized('InvalidAuthenticationToken', 'The access token is invalid.');
}

/** 401: a token for something else. */
export function wrongAudience(audience: string, allowed: readonly string[]): ArmError {
  return unauthorized(
    'InvalidAuthenticationTokenAudience',
    `The access token has been obtained for wrong audience or resource '${audience}'. It should exactly match with one of the allowed audiences ${allowed.map((one) => `'${one}'`).join(',')}.`,
  );
}

/** 401: the token has expired. */
export function expiredToken(expiry: Date, now: Date): ArmError {
  return unauthorized(
    'ExpiredAuthenticationToken',
    `The access token expiry UTC time '${expiry.toISOString()}' is earlier than current UTC time '${now.toISOString()}'.`,
  );
}

function unauthorized(code: string, message: string): ArmError {
  const challenge =
    'Bearer authorization_uri="https://login.microsoftonline.com/common", error="invalid_token", error_description="The access token is not valid."';
  return new ArmError(401, { code, message }, { 'www-authenticate': challenge });
}
