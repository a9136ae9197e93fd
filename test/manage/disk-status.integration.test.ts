import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { DestinationError } from '../../src/errors.ts';
import { diskStatus } from '../../src/manage/disk-status.ts';
import { armOptionsFor, signedIn } from '../support/arm-options.ts';
import { captureOutput } from '../support/captured-output.ts';
import { withoutProxies } from '../support/forwarding-proxy.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const GEN2 = { osType: 'Linux', hyperVGeneration: 'V2', supportedCapabilities: { architecture: 'x64' } } as const;
const OURS = { 'vhdup-upload-id': 'upload-1' };
const MIB = 1024 * 1024;

let servers: ManagedDisks;
beforeEach(async () => {
  withoutProxies();
  servers = await startManagedDisks({
    resourceGroups: { rg: 'westeurope', 'my(group)': 'eastus' },
    disks: [
      { name: 'ready', tags: OURS, properties: GEN2, sku: 'Premium_LRS' },
      { name: 'active', tags: OURS, state: 'ActiveUpload', uploadSizeBytes: 40 * 1024 * MIB + 512 },
      { name: 'foreign', state: 'ActiveUpload' },
      { name: 'data', state: 'Unattached' },
      { name: 'read', state: 'ActiveSAS' },
      { name: 'os', state: 'Unattached', properties: GEN2, tags: OURS },
      { name: 'grouped', resourceGroup: 'my(group)', tags: OURS },
    ],
  });
});
afterEach(async () => {
  expect(servers.violations).toEqual([]);
  vi.unstubAllEnvs();
  await servers.close();
});

const statusOf = (disk: string, change: object = {}) => diskStatus({ ...armOptionsFor(servers), disk, ...change });

describe('diskStatus', () => {
  it('reports everything about an upload of vhdup, with one request', async () => {
    const at = `-g rg --arm-endpoint ${servers.armEndpoint}`;
    expect(await statusOf('ready')).toEqual({
      id: servers.arm.resources.disk('ready').id,
      name: 'ready',
      location: 'westeurope',
      sku: 'Premium_LRS',
      state: 'ReadyToUpload',
      description: 'ReadyToUpload, it waits for an upload, and nobody has access to it',
      provisioningState: 'Succeeded',
      uploadSizeBytes: 20 * MIB + 512,
      osType: 'Linux',
      generation: 2,
      architecture: 'x64',
      created: expect.stringMatching(/^\d{4}-/),
      uploadId: 'upload-1',
      billing: 'as a Standard HDD of its size (S4, 32 GiB), until its upload is finished or it is deleted',
      nextSteps: [
        `To finish its upload, run the same vhdup upload again: vhdup upload IMAGE --disk ready ${at} -l westeurope`,
        `To give it up: vhdup disk abort ready ${at}`,
      ],
    });
    expect(servers.calls).toEqual(['arm GetDisk']);
  });

  it.each([
    ['active', 'ActiveUpload', 'S6, 64 GiB', ['vhdup upload IMAGE --disk active', 'vhdup disk abort active']],
    ['foreign', 'ActiveUpload', 'S4, 32 GiB', ['az disk revoke-access --ids', 'vhdup disk abort foreign -g rg']],
    ['data', 'Unattached', 'as Standard_LRS', ['az vm disk attach --resource-group rg']],
    ['read', 'ActiveSAS', 'as Standard_LRS', ['vhdup was killed: az disk revoke-access --ids']],
    ['os', 'Unattached', 'as Standard_LRS', ['--attach-os-disk', 'vhdup image create NAME -g rg --disk os']],
  ])('names the state of %s, what it costs, and the next steps', async (disk, state, billing, steps) => {
    const status = await statusOf(disk);
    expect(status.state).toBe(state);
    expect(status.billing).toContain(billing);
    expect(status.nextSteps).toHaveLength(steps.length);
    for (const [index, step] of steps.entries()) expect(status.nextSteps[index]).toContain(step);
  });

  it('names the virtual machine that uses the disk', async () => {
    servers.arm.resources.attachDisk('os', 'vm1');
    const status = await statusOf('os');
    expect(status.description).toMatch(/^Attached, a virtual machine uses it: \/subscriptions\/.*\/vm1$/);
    expect(status.nextSteps).toEqual([]);
  });

  it('repeats an id, and quotes what a shell would change', async () => {
    const { id } = servers.arm.resources.disk('grouped', 'my(group)');
    const status = await statusOf(id, { resourceGroup: 'rg' });
    expect(status.nextSteps[1]).toBe(`To give it up: vhdup disk abort "${id}" --arm-endpoint ${servers.armEndpoint}`);
    const named = await statusOf('grouped', { resourceGroup: 'my(group)', subscription: servers.subscription });
    expect(named.nextSteps[1]).toContain(`disk abort grouped -g "my(group)" --subscription ${servers.subscription}`);
  });

  it('says so if the disk or its group does not exist', async () => {
    const missing = await failureOf(statusOf('gone'));
    expect(missing).toBeInstanceOf(DestinationError);
    expect(missing.message).toMatch(/^The disk gone does not exist in the resource group rg .*az disk list/);
    expect((await failureOf(statusOf('ready', { resourceGroup: 'nowhere' }))).message).toContain(
      'az group create --name nowhere',
    );
  });

  it('stops with the reason of its signal', async () => {
    const reason = new Error('enough');
    expect(await failureOf(statusOf('ready', { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(servers.calls).toEqual([]);
  });
});

describe('vhdup disk status', () => {
  it('prints text, and JSON with --json, without secrets, and exits with 6 if there is no such disk', async () => {
    const environment = await signedIn(servers);
    const written = captureOutput();
    const args = ['disk', 'status', 'active', '-g', 'rg', '--arm-endpoint', servers.armEndpoint];
    expect(await main(args, environment)).toBe(0);
    expect(written.err).toBe('');
    for (const line of [
      'Disk active\n',
      '  state         ActiveUpload, an upload has access to it and is not finished\n',
      '  upload size   40.0 GiB (42949673472 bytes)\n',
      '  created by    vhdup, for the upload upload-1\n',
      '\nTo give it up: vhdup disk abort active -g rg --arm-endpoint http://127.0.0.1',
    ]) {
      expect(written.out).toContain(line);
    }
    written.out = '';
    expect(await main([...args, '--json', '--verbose'], environment)).toBe(0);
    const lines = written.out.trim().split('\n');
    const types = lines.map((line) => JSON.parse(line).type);
    expect(types.filter((type) => type !== 'debug')).toEqual(['request', 'result']);
    expect(lines.join('\n')).toContain('Signed in to Microsoft Entra with a managed identity.');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      name: 'active',
      state: 'ActiveUpload',
      uploadId: 'upload-1',
    });
    written.out = '';
    expect(await main(['disk', 'status', 'gone', ...args.slice(3), '--json'], environment)).toBe(6);
    expect(JSON.parse(written.out)).toMatchObject({ type: 'error', code: 'DESTINATION', exitCode: 6 });
    expect(servers.secrets.filter((secret) => `${written.out}${written.err}`.includes(secret))).toEqual([]);
  });
});
