import { describe, expect, it } from 'vitest';
import { reportingSignIn } from '../../../src/azure/auth/sign-in-report.ts';

class AzureCliCredential {}
class AzurePowerShellCredential2 {}
class FutureCredential {}

const TOKEN = { token: 't', expiresOnTimestamp: 1 };

/** A chain whose credentials have tokens in this order. */
function chainOf(credentials: readonly object[]) {
  const waiting = [...credentials];
  return {
    getToken: () => Promise.resolve(TOKEN),
    getTokenInternal: () => Promise.resolve({ token: TOKEN, successfulCredential: waiting.shift() ?? {} }),
  };
}

describe('a sign-in', () => {
  it('is reported once, and again when another one takes its place', async () => {
    const messages: string[] = [];
    const cli = new AzureCliCredential();
    const chain = chainOf([cli, cli, new AzurePowerShellCredential2(), new FutureCredential()]);
    const source = reportingSignIn(chain, (message) => messages.push(message));
    for (let count = 0; count < 4; count++) expect(await source.getToken('scope')).toBe(TOKEN);
    expect(messages).toEqual([
      'Signed in to Microsoft Entra with the Azure CLI (az login).',
      'Signed in to Microsoft Entra with Azure PowerShell (Connect-AzAccount).',
      'Signed in to Microsoft Entra with FutureCredential.',
    ]);
  });

  it('is not reported by sources that do not know it', async () => {
    const source = { getToken: () => Promise.resolve(TOKEN) };
    expect(reportingSignIn(source, () => expect.unreachable())).toBe(source);
    expect(await source.getToken()).toBe(TOKEN);
  });

  it('is told by the credential of the SDK', async () => {
    const { DefaultAzureCredential } = await import('@azure/identity');
    // If this fails, the SDK has renamed the method: the sign-in would no longer be reported.
    expect(new DefaultAzureCredential()).toHaveProperty('getTokenInternal', expect.any(Function));
  });
});
