// Who may call Resource Manager: tokens for its audience, roles, and the scope of a request.

import type { TokenIssuer } from '../entra/token-issuer.ts';
import {
  authorizationFailed,
  expiredToken,
  invalidToken,
  missingSubscriptionRegistration,
  missingToken,
  resourceGroupNotFound,
  subscriptionNotFound,
  wrongAudience,
} from './errors.ts';
import { actionOf, providerOf } from './operations.ts';
import type { ArmRequest } from './request.ts';
import type { ArmState } from './state.ts';

/** Throws 401 unless the request has a token for one of the audiences that has not expired. */
export function checkToken(request: ArmRequest, issuer: TokenIssuer, audiences: readonly string[], now: Date): void {
  if (!request.headers.has('authorization')) throw missingToken();
  const token = tokenOf(request);
  switch (issuer.problemWith(token, audiences)) {
    case 'unknown':
      throw invalidToken();
    case 'other audience':
      throw wrongAudience(issuer.audienceOf(token) ?? '', audiences);
    case 'expired':
      throw expiredToken(issuer.expiresAt(token) ?? now, now);
    default:
  }
}

/** The audience of a token that is for something else; undefined otherwise. */
export function otherAudience(
  request: ArmRequest,
  issuer: TokenIssuer,
  audiences: readonly string[],
): string | undefined {
  const audience = issuer.audienceOf(tokenOf(request));
  return audience === undefined || audiences.includes(audience) ? undefined : audience;
}

/** The token of a request; empty if there is none. */
export function tokenOf({ headers }: ArmRequest): string {
  return /^Bearer (\S+)$/.exec(headers.get('authorization') ?? '')?.[1] ?? '';
}

/** Throws ArmError unless subscription and resource group exist, the provider is registered, and a role allows the action. */
export function checkScope(
  { operation, subscription, resourceGroup, path }: ArmRequest,
  state: ArmState,
  allowed: { readonly denied: ReadonlySet<string>; readonly registered: ReadonlySet<string> },
): void {
  if (subscription !== '' && subscription !== state.subscription) throw subscriptionNotFound(subscription);
  const action = actionOf(operation);
  if (action !== undefined && hasName(allowed.denied, action)) throw authorizationFailed(action, path);
  if (resourceGroup !== '' && !state.resourceGroups.has(resourceGroup.toLowerCase())) {
    throw resourceGroupNotFound(resourceGroup);
  }
  const provider = providerOf(operation);
  if (provider !== undefined && !hasName(allowed.registered, provider)) throw missingSubscriptionRegistration(provider);
}

/** Whether the set has the name, in any case. */
export function hasName(names: ReadonlySet<string>, name: string): boolean {
  return [...names].some((one) => one.toLowerCase() === name.toLowerCase());
}
