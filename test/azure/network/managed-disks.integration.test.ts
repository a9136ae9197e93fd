// Managed disks through proxies and with a private certificate authority: Azure Resource Manager, the host of the disk and the sign-in.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Outcome, runProgram } from '../../support/command-line.ts';
import {
  type ForwardingProxy,
  type ForwardingProxyOptions,
  startForwardingProxy,
} from '../../support/forwarding-proxy.ts';
import { type ManagedDisks, type ManagedDisksOptions, startManagedDisks } from '../../support/managed-disks.ts';
import { buildImage, expectBlobIs, spreadDisk } from '../../support/spread-disk.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const DISK = spreadDisk(6);
const NAME = 'web01';
const PASSWORD = 'proxyPassw0rdOfTheCompany';

let servers: ManagedDisks;
let proxy: ForwardingProxy;

afterEach(async () => {
  expect(servers.violations).toEqual([]);
  await Promise.all([servers.close(), proxy.close()]);
});

/** @param options - With TLS, the disk has a host name of its own, which only the proxy resolves. */
async function start(options: ManagedDisksOptions, ofProxy: ForwardingProxyOptions = {}): Promise<void> {
  servers = await startManagedDisks({ longRunning: { mode: 'at-once' }, ...options });
  proxy = await startForwardingProxy(ofProxy);
}

/** Runs a command as a process of its own, which reads the authorities and the proxies of its environment when it starts. */
async function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const folder = await temporaryFolder();
  const authorities = join(folder, 'ca.pem');
  await writeFile(authorities, `${servers.arm.caCertificate ?? ''}${proxy.caCertificate ?? ''}`);
  const place = ['-g', 'rg', '--arm-endpoint', servers.armEndpoint, '--json', '--verbose', '--retries', '1'];
  return await runProgram([...args, ...place], {
    ...servers.environment,
    AZURE_CONFIG_DIR: folder,
    NODE_EXTRA_CA_CERTS: authorities,
    HTTPS_PROXY: proxy.url,
    HTTP_PROXY: proxy.url,
    ...environment,
  });
}

async function upload(environment?: NodeJS.ProcessEnv): Promise<Outcome> {
  const image = await buildImage(DISK);
  return await run(['upload', image, '--disk', NAME, '-l', 'westeurope', '--threads', '2'], environment);
}

function expectUploaded({ exitCode, stdout, stderr }: Outcome): void {
  expect(exitCode, stdout + stderr).toBe(0);
  const disk = servers.arm.resources.disk(NAME);
  expect(disk.state).toBe('Unattached');
  expectBlobIs(DISK, disk.content);
  for (const secret of servers.secrets) expect(stdout + stderr).not.toContain(secret);
}

/** How often the proxy led to a server. */
function times({ port }: { readonly port: number }): number {
  return proxy.targets.filter((target) => target.endsWith(`:${port}`)).length;
}

describe('an upload to a new managed disk', () => {
  it('goes through HTTP_PROXY with every request by http: also the sign-in with a managed identity', async () => {
    await start({});
    expectUploaded(await upload());
    const { arm, disks, identity } = servers;
    for (const server of [arm, disks, identity]) {
      expect(server.counters.requests).toBeGreaterThan(0);
      expect(times(server)).toBe(server.counters.requests);
    }
  });

  it.each([false, true])(
    'goes through HTTPS_PROXY with every connection by https, with a private authority (a proxy with TLS: %s)',
    async (tls) => {
      await start({ tls: true, hostStyle: true }, { tls, credentials: `user:${PASSWORD}` });
      const outcome = await upload();
      expectUploaded(outcome);
      const { arm, disks, identity } = servers;
      for (const server of [arm, disks]) {
        expect(server.counters.connections).toBeGreaterThan(0);
        expect(times(server)).toBe(server.counters.connections);
      }
      expect(times(identity)).toBe(identity.counters.requests);
      expect(proxy.targets).toContainEqual(expect.stringMatching(/^md-impexp-.+\.z12\.blob\.localhost:/));
      expect(outcome.stdout + outcome.stderr).not.toContain(PASSWORD);
    },
  );

  it('reaches the hosts in NO_PROXY directly, and only those', async () => {
    await start({ tls: true, hostStyle: true });
    expectUploaded(await upload({ NO_PROXY: '127.0.0.1' }));
    expect(servers.arm.counters.requests).toBeGreaterThan(0);
    expect(proxy.targets.length).toBeGreaterThan(0);
    expect(proxy.targets.filter((target) => !target.includes('.blob.localhost'))).toEqual([]);
  });

  it('names the proxy that rejects the password for the host of the disk, and leaves the disk for another attempt', async () => {
    await start({ tls: true, hostStyle: true }, { credentials: 'user:another' });
    const proxyUrl = proxy.url.replace('another', PASSWORD);
    const { exitCode, stdout, stderr } = await upload({ HTTPS_PROXY: proxyUrl, NO_PROXY: '127.0.0.1' });
    expect(exitCode, stdout + stderr).toBe(9);
    expect(stderr).toMatch(/in HTTPS_PROXY: it answered CONNECT with 407/);
    expect(stderr).toContain(`vhdup disk abort ${NAME} -g rg`);
    expect(stdout + stderr).not.toContain(PASSWORD);
    expect(servers.arm.resources.disk(NAME).state).toBe('ActiveUpload');
  });
});

describe('disk status', () => {
  const status = (environment?: NodeJS.ProcessEnv) => run(['disk', 'status', 'd'], environment);

  it('goes through the proxy', async () => {
    await start({ tls: true, disks: [{ name: 'd' }] });
    const { exitCode, stdout, stderr } = await status();
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toContain('ReadyToUpload');
    expect(times(servers.arm)).toBe(servers.arm.counters.connections);
    expect(times(servers.identity)).toBe(servers.identity.counters.requests);
  });

  it('fails if the proxy prevents the sign-in, and shows no password', async () => {
    await start({ tls: true, disks: [{ name: 'd' }] }, { credentials: 'user:another' });
    const proxyUrl = proxy.url.replace('another', PASSWORD);
    const { exitCode, stdout, stderr } = await status({ HTTPS_PROXY: proxyUrl });
    expect(exitCode, stdout + stderr).toBe(8);
    expect(stderr).toContain('Signing in with Microsoft Entra failed');
    expect(servers.calls).toEqual([]);
    expect(stdout + stderr).not.toContain(PASSWORD);
  });

  it('says how to trust a private authority', async () => {
    await start({ tls: true, disks: [{ name: 'd' }] });
    const { exitCode, stderr } = await status({ NODE_EXTRA_CA_CERTS: '', NO_PROXY: '*' });
    expect(exitCode, stderr).toBe(9);
    expect(stderr).toContain('NODE_EXTRA_CA_CERTS');
    expect(servers.calls.filter((call) => call.startsWith('arm'))).toEqual([]);
  });
});
