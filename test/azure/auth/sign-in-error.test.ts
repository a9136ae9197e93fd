import { ClientSecretCredential } from '@azure/identity';
import { describe, expect, it } from 'vitest';
import { isSignInError, signInError } from '../../../src/azure/auth/sign-in-error.ts';
import { toServiceError } from '../../../src/azure/errors.ts';
import { CredentialError, ServiceError } from '../../../src/errors.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

const NOT_SET = 'EnvironmentCredential is unavailable. No underlying credential could be used.';
/** The message of DefaultAzureCredential outside of Azure, whatever the state of the network. */
const NO_IDENTITY = 'ManagedIdentityCredential: Network unreachable. Message: network_error: See https://aka.ms';
const NO_CLI =
  "Azure CLI could not be found. Please visit https://aka.ms/azure-cli and then, once installed, authenticate to your Azure account using 'az login'.";
const NOT_SIGNED_IN = "Please run 'az login' from a command prompt to authenticate before using this credential.";
const CLI_OFFLINE =
  "ERROR: HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Max retries exceeded with url: /organizations";

/** The error of DefaultAzureCredential when all of its methods failed. */
function aggregate(...messages: readonly string[]): Error {
  const errors = messages.map((message) => named('CredentialUnavailableError', message));
  const text = errors.map((error) => `${error.name}: ${error.message}`).join('\n');
  const message = `ChainedTokenCredential authentication failed.\n${text}`;
  return Object.assign(named('AggregateAuthenticationError', message), { errors });
}

describe('signInError', () => {
  it.each([
    ['nothing is set up', aggregate(NOT_SET, NO_IDENTITY, NO_CLI)],
    ['nobody is signed in', aggregate(NOT_SET, NO_IDENTITY, NOT_SIGNED_IN)],
    ['the one way that was chosen is not there', named('CredentialUnavailableError', NOT_SET)],
    ['the secret is wrong', named('AuthenticationError', 'invalid_client: AADSTS7000215: Invalid client secret.')],
  ])('stops the upload at once, with a next step, when %s', (_, error) => {
    const failure = toServiceError({ operation: 'Put Page', what: 'Put Page' }, error);
    expect(failure).toBeInstanceOf(CredentialError);
    expect((failure as Error).message).toContain('Run az login');
    const [first, ...causes] = (failure as Error).message.split('\n');
    expect(first).toMatch(/use a SAS or key instead\.$/);
    expect(causes).toEqual(error.message.split('\n').map((line) => `  ${line}`));
  });

  it.each([
    ['DNS', named('AuthenticationError', 'getaddrinfo EAI_AGAIN login.microsoftonline.com')],
    ['refused', named('AuthenticationError', 'connect ECONNREFUSED 20.190.1.1:443')],
    ['a timeout', named('AuthenticationRequiredError', 'connect ETIMEDOUT')],
    [
      'what MSAL says',
      named('AuthenticationError', 'Status code: 400\nMore details:\nnetwork_error: See https://aka.ms'),
    ],
    ['the Azure CLI', aggregate(NOT_SET, NO_IDENTITY, CLI_OFFLINE)],
  ])('is transient when the sign-in service is unreachable: %s', (_, error) => {
    const failure = toServiceError({ operation: 'Put Page', what: 'Put Page' }, error) as ServiceError;
    expect(failure).toBeInstanceOf(ServiceError);
    expect(failure.failure).toMatchObject({ transient: true, suspectAddress: true });
    expect(failure.message).toContain('could not be reached');
  });

  it('is transient if the sign-in worked before, unless it is rejected', () => {
    const failures = [aggregate(NOT_SET, NO_IDENTITY, NO_CLI), named('AuthenticationError', 'Status code: 503')];
    for (const error of failures) {
      expect((signInError(error, true) as ServiceError).failure).toMatchObject({ transient: true });
    }
    const refusals = [aggregate(NOT_SET, NOT_SIGNED_IN), named('AuthenticationError', 'AADSTS700082: expired')];
    for (const error of refusals) expect(signInError(error, true)).toBeInstanceOf(CredentialError);
  });

  it('recognises the real error of @azure/identity when the sign-in service is unreachable', async () => {
    const id = '00000000-0000-0000-0000-000000000001';
    const credential = new ClientSecretCredential(id, id, 'none', {
      authorityHost: 'https://127.0.0.1:1',
      retryOptions: { maxRetries: 0 },
    });
    const error = await failureOf(credential.getToken('https://storage.azure.com/.default'));
    expect(isSignInError(error)).toBe(true);
    expect(signInError(error)).toMatchObject({ failure: { transient: true } });
  });
});
