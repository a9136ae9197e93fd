// Explains why a Microsoft Entra sign-in failed: no credential works, or the sign-in service is unreachable.

import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import { messageOf } from '../../base/thrown.ts';
import { CredentialError, ServiceError } from '../../errors.ts';

/** Signs of a network failure in the messages of @azure/identity, MSAL and the Azure CLI. */
const NETWORK_FAILURE =
  /\b(?:E(?:CONN|HOST|NET|ADDR)[A-Z]+|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|EPIPE|getaddrinfo|network_error|endpoints_resolution_error|Max retries exceeded|Failed to establish a new connection|Connection aborted)\b/;

/** These codes do not show the cause. */
const MSAL_CODE = /_error$/;
const TRUST =
  ' If other programs on this machine can reach it, a proxy that inspects connections may be the cause: see NODE_EXTRA_CA_CERTS.';

/** Outside of Azure, its endpoint never answers: that proves nothing about the network. */
const MANAGED_IDENTITY = /^ManagedIdentityCredential\b/;

/** The sign-in service, or the program that signs in, has rejected the sign-in. */
const REJECTED = /\bAADSTS\d+|\binvalid_(?:client|grant)\b|Please run 'az login'/;

/** Whether @azure/identity threw the error. */
export function isSignInError(error: unknown): error is Error {
  return error instanceof Error && /^(?:CredentialUnavailable|Authentication|AggregateAuthentication)/.test(error.name);
}

/**
 * @param error - The error from @azure/identity.
 * @param hasWorked - Whether the same credential has issued a token before: then only a rejection is permanent.
 * @returns a transient ServiceError, or a CredentialError with the next step.
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
  const lines = linesOf(redact(error.message));
  if (hasWorked && !causes.some((cause) => REJECTED.test(cause))) {
    return new ServiceError(`Signing in with Microsoft Entra failed, although it worked before: ${lines.join(' ')}`, {
      reason: 'SignInFailed',
      transient: true,
    });
  }
  return new CredentialError(
    `Signing in with Microsoft Entra failed. Run az login or Connect-AzAccount, set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or use a SAS or key instead.${lines.map((line) => `\n  ${line}`).join('')}`,
  );
}

/** The message of a chain of credentials has a line for each of them. */
function linesOf(text: string): string[] {
  const lines = text.split(/[\r\n]+/).map((line) => printable(line.trim()));
  return lines.filter((line) => line !== '');
}

/** The message of each attempted sign-in method. */
function causesOf(error: Error): string[] {
  const errors: unknown = 'errors' in error ? error.errors : undefined;
  if (!Array.isArray(errors) || errors.length === 0) return [error.message];
  return errors.map(messageOf);
}
