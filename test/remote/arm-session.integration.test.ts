import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { locationOfGroup } from '../../src/azure/arm/resource-groups.ts';
import { idOf } from '../../src/azure/arm/resource-id.ts';
import { CredentialError, DestinationError, UsageError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import type { ArmOptions } from '../../src/options.ts';
import { type ArmSession, connectArm } from '../../src/remote/arm-session.ts';
import { withoutProxies } from '../support/forwarding-proxy.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const DISK = { type: 'Microsoft.Compute/disks', option: '--disk' } as const;
const OTHER = '12345678-1234-1234-1234-123456789012';
const { signal } = new AbortController();

let servers: ManagedDisks;
let open: ArmSession[];

beforeEach(async () => {
  withoutProxies();
  open = [];
  servers = await startManagedDisks({ disks: [{ name: 'd' }], longRunning: { mode: 'at-once' } });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const session of open) session.close();
  await servers.close();
});

const options = (change: ArmOptions = {}): ArmOptions => ({
  armEndpoint: servers.armEndpoint,
  environment: { AZURE_SUBSCRIPTION_ID: servers.subscription },
  resourceGroup: 'rg',
  credential: { kind: 'token', source: servers.credential },
  ...change,
});

async function connected(change?: ArmOptions, main?: string): Promise<{ session: ArmSession; events: UploadEvent[] }> {
  const events: UploadEvent[] = [];
  const given = main === undefined ? undefined : { text: main, ...DISK };
  const session = await connectArm(options(change), (event) => events.push(event), given);
  open.push(session);
  return { session, events };
}

describe('connectArm', () => {
  it('reads and changes resources, and reports requests and steps without secrets', async () => {
    const { session, events } = await connected();
    const disk = session.resource('d', DISK.type, DISK.option);
    expect(await session.disks.get(disk, signal)).toMatchObject({ diskState: 'ReadyToUpload' });
    const grant = await session.disks.grantWrite(disk, 60, signal);
    expect(events).toEqual([
      expect.objectContaining({ type: 'request', what: 'Get disk d', status: 200 }),
      { type: 'arm', step: 'Grant write access to disk d', state: 'started', elapsedMs: expect.any(Number) },
      expect.objectContaining({ type: 'request', what: 'Grant write access to disk d', status: 200 }),
      { type: 'arm', step: 'Grant write access to disk d', state: 'succeeded', elapsedMs: expect.any(Number) },
    ]);
    expect(grant.accessSas.reveal()).toContain('sig=');
    for (const secret of servers.secrets) expect(JSON.stringify(events)).not.toContain(secret);
    expect(servers.violations).toEqual([]);
  });

  it('reports that it waits, and a failure', async () => {
    servers.arm.setLongRunning({ mode: 'polled' });
    const { session, events } = await connected();
    const disk = session.resource('d', DISK.type, DISK.option);
    await session.disks.grantWrite(disk, 60, signal);
    await failureOf(session.disks.grantRead(disk, 60, signal));
    expect(events.flatMap((event) => (event.type === 'arm' ? event.state : []))).toEqual([
      ...['started', 'waiting', 'succeeded'],
      ...['started', 'failed'],
    ]);
  });

  it('retries, and reports that', async () => {
    servers.arm.faults.add({ operation: 'GetDisk', times: 1 }, { kind: 'answer', status: 503 });
    const { session, events } = await connected({ retryDelayMs: 1 });
    await session.disks.get(session.resource('d', DISK.type, DISK.option), signal);
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry', what: 'Get disk d', attempt: 1 }));
  });

  it('takes the subscription and the resource group from an id', async () => {
    const id = `/subscriptions/${OTHER}/resourceGroups/other/providers/Microsoft.Compute/disks/d`;
    const { session } = await connected({ subscription: servers.subscription, resourceGroup: 'rg' }, id);
    expect(session.subscriptionId).toBe(OTHER);
    expect(idOf(session.resource(id, DISK.type, DISK.option))).toBe(id);
    expect(session.place('the image i')).toEqual(
      expect.objectContaining({ subscriptionId: OTHER, resourceGroup: 'other' }),
    );
  });

  it('asks for the resource group of a name only', async () => {
    const { resourceGroup: _, ...others } = options();
    const session = await connectArm(others, () => undefined);
    open.push(session);
    const id = `/subscriptions/${OTHER}/resourceGroups/other/providers/Microsoft.Compute/disks/d`;
    expect(session.resource(id, DISK.type, DISK.option).resourceGroup).toBe('other');
    expect(() => session.resource('d', DISK.type, DISK.option)).toThrow(
      new UsageError('The resource group of --disk d is missing. Add --resource-group GROUP, or give the whole id.'),
    );
  });

  it.each<[string, ArmOptions, RegExp]>([
    ['a SAS', { credential: { kind: 'sas', sas: 'sv=1&sig=abc' } }, /neither a SAS nor an account key/],
    ['a wrong group', { resourceGroup: 'a b' }, /^--resource-group must consist of/],
    ['a wrong subscription', { subscription: 'mine' }, /^--subscription must be the id/],
    ['an endpoint that is not encrypted', { armEndpoint: 'http://management.azure.com' }, /is not encrypted/],
    ['a wrong number of retries', { retries: -1 }, /retries/],
  ])('refuses %s', async (_, change, message) => {
    const failure = await failureOf(connected(change));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(message);
    expect(servers.calls).toEqual([]);
  });

  it('signs in with the managed identity of the environment', async () => {
    for (const [name, value] of Object.entries(servers.environment)) vi.stubEnv(name, value);
    vi.stubEnv('AZURE_CONFIG_DIR', await temporaryFolder());
    const { session } = await connected({ credential: { kind: 'entra' } });
    expect(await locationOfGroup(session.client, session.place('the disk d'), signal)).toBe('westeurope');
    expect(servers.calls.slice(-1)).toEqual(['arm GetResourceGroup']);
    expect(servers.violations).toEqual([]);
  });

  it('explains a sign-in that fails, and a resource group that does not exist', async () => {
    const { session } = await connected({ resourceGroup: 'nowhere' });
    const missing = await failureOf(locationOfGroup(session.client, session.place('the disk d'), signal));
    expect(missing).toBeInstanceOf(DestinationError);
    expect(missing.message).toContain('az group create --name nowhere');
    servers.arm.denied.add('Microsoft.Resources/subscriptions/resourceGroups/read');
    const denied = await connected();
    const refusal = await failureOf(locationOfGroup(denied.session.client, denied.session.place('the disk'), signal));
    expect(refusal).toBeInstanceOf(CredentialError);
  });
});
