// Options that lead the library and the command line to the servers of managed disks.
import { vi } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { ArmOptions } from '../../src/options.ts';
import { withoutProxies } from './forwarding-proxy.ts';
import type { ManagedDisks } from './managed-disks.ts';
import { temporaryFolder } from './vhd-fixtures.ts';

/** Retries wait a millisecond. */
export function armOptionsFor(servers: ManagedDisks, events: UploadEvent[] = []): ArmOptions {
  return {
    armEndpoint: servers.armEndpoint,
    resourceGroup: 'rg',
    environment: { AZURE_SUBSCRIPTION_ID: servers.subscription },
    credential: { kind: 'token', source: servers.credential },
    retryDelayMs: 1,
    maxRetryDelayMs: 1,
    onEvent: (event) => events.push(event),
  };
}

/**
 * The environment for `main`, and for @azure/identity, which reads that of the process: signed in with a managed identity. The caller
 * calls `vi.unstubAllEnvs`. Only for one test of a file: @azure/identity keeps the token of a managed identity as long as the process.
 */
export async function signedIn(servers: ManagedDisks): Promise<NodeJS.ProcessEnv> {
  withoutProxies();
  for (const [name, value] of Object.entries(servers.environment)) vi.stubEnv(name, value);
  vi.stubEnv('AZURE_CONFIG_DIR', await temporaryFolder());
  return { ...process.env };
}
