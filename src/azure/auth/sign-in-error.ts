// Why a sign-in with Microsoft Entra failed: nobody may sign in, or the sign-in service could not be reached.

import { redact } from '../../base/redact.ts';
import { CredentialError, ServiceError } from '../../errors.ts';

/** How a network failure shows in what @azure/identity, MSAL and the Azure CLI say. */
const NETWORK_FAILURE =
  /\b(?:E(?:CONN|HOST|NET|ADDR)[A-Z]+|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|EPIPE|getaddrinfo|network_error|endpoints_resolution_error|Max retries exceeded|Failed to establish a new connection|Connection aborted)\b/;

/** These tell nothing of the cause. */
const MSAL_CODE = /_error$/;
const TRUST =
  ' If others can reach it from here, a proxy that inspects connections may be the reason: see NODE_EXTRA_CA_CERTS.';

/** Away from Azure its endpoint never answers: that says nothing of the network. */
const MANAGED_IDENTITY = /^ManagedIdentityCredential\b/;

/** The sign-in service, or the program that signs in, has said no. */
const REFUSED = /\bAADSTS\d+|\binvalid_(?:client|grant)\b|Please run 'az login'/;

/** Whether @azure/identity threw it. */
export function isSignInError(error: unknown): error is Error {
  return error instanceof Error && /^(?:CredentialUnavailable|Authentication|AggregateAuthentication)/.test(error.name);
}

/**
 * @param error - What @azure/identity threw.
 * @param hasWorked - Whether the same credential has given a token before: then only a refusal is for good.
 * @returns a transient ServiceError, or a CredentialError that says what to do.
 */
export function signInError(error: Error, hasWorked = false): CredentialError | ServiceError {
  const causes = causesOf(error).filter((cause) => hasWorked || !MANAGED_IDENTITY.test(cause));
  const network = causes.map((cause) => NETWORK_FAILURE.exec(cause)?.[0]).find((match) => match !== undefined);
  if (network !== undefined) {
    return new ServiceError(
      `Signing in with Microsoft Entra failed: the sign-in service could not be reached (${network}).${MSAL_CODE.test(network) ? TRUST : ''}`,
      { reason: network, transient: true, suspectAddress: true },
    );
  }
  const text = redact(error.message);
  if (hasWorked && !causes.some((cause) => REFUSED.test(cause))) {
    return new ServiceError(`Signing in with Microsoft Entra failed, which had worked before: ${text}`, {
      reason: 'SignInFailed',
      transient: true,
    });
  }
  return new CredentialError(
    `Signing in with Microsoft Entra failed. Run az login, set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or give a SAS or key instead. ${text}`,
  );
}

/** What each of the ways to sign in said. */
function causesOf(error: Error): string[] {
  const { errors } = error as { errors?: unknown };
  if (!Array.isArray(errors) || errors.length === 0) return [error.message];
  return errors.map((cause) => (cause instanceof Error ? cause.message : String(cause)));
}
