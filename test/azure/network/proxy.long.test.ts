// Uploads through a forwarding proxy, with and without TLS on either side. Failures are detected and retried.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../../src/events.ts';
import type { UploadOptions } from '../../../src/options.ts';
import { uploadImage } from '../../../src/upload/upload.ts';
import { runHere, runProgram } from '../../support/command-line.ts';
import { withOnlyProxies, withoutTlsCheck } from '../../support/environment.ts';
import {
  type ForwardingProxy,
  type ForwardingProxyOptions,
  startForwardingProxy,
} from '../../support/forwarding-proxy.ts';
import { buildImage, expectBlobIs, spreadDisk, type TestDisk } from '../../support/spread-disk.ts';
import { blobUrl, restartServer, server, storedBlob, useServer } from '../../support/target-server.ts';
import { patternOf } from '../../support/vhd-builder.ts';

const MIB = 1024 * 1024;
const DISK = spreadDisk(12);
/** Some requests are too long for the buffers of a connection. */
const LONG_REQUESTS: TestDisk = {
  ...DISK,
  contents: [...DISK.contents, ...[0, 4, 8].map((mib) => ({ offset: mib * MIB, bytes: patternOf(mib, 2 * MIB) }))],
};
const PASSWORD = 'proxyPassw0rdOfTheCompany';

let proxy: ForwardingProxy;

useServer();
afterEach(() => proxy.close());

async function start(tls: boolean, options: ForwardingProxyOptions = {}): Promise<void> {
  await restartServer({ tls });
  proxy = await startForwardingProxy(options);
}

/** Uploads in this process. The server can be reached only through the proxy. @returns all events, as text. */
async function upload(disk: TestDisk, options: Partial<UploadOptions> = {}): Promise<string> {
  const image = await buildImage(disk);
  const events: UploadEvent[] = [];
  const onEvent = (event: UploadEvent) => void events.push(event);
  const all = { image, destination: blobUrl(), retryDelayMs: 1, maxRetryDelayMs: 5, onEvent, ...options };
  await withOnlyProxies({ HTTPS_PROXY: proxy.url }, () => withoutTlsCheck(() => uploadImage(all)));
  expectBlobIs(disk, storedBlob());
  return JSON.stringify(events);
}

/** The command line. As a process of its own, it trusts the authorities of server and proxy. */
async function runUpload(run: typeof runHere, args: readonly string[], proxyUrl: string) {
  const image = await buildImage(DISK);
  const [log, authorities] = ['upload.log', 'ca.pem'].map((name) => join(dirname(image), name)) as [string, string];
  await writeFile(authorities, `${server.caCertificate ?? ''}${proxy.caCertificate ?? ''}`);
  const environment = { NODE_EXTRA_CA_CERTS: authorities, HTTPS_PROXY: proxyUrl };
  const all = ['upload', image, blobUrl(), '--json', '--verbose', '--log-file', log, ...args];
  const { exitCode, stdout, stderr } = await withoutTlsCheck(() => run(all, environment));
  return { exitCode, output: stdout + stderr + (await readFile(log, 'utf8')) };
}

describe.each([
  ['http', 'http'],
  ['http', 'https'],
  ['https', 'http'],
  ['https', 'https'],
])('an upload by %s through a proxy of %s', (scheme, proxyScheme) => {
  const begin = (options: ForwardingProxyOptions = {}) =>
    start(scheme === 'https', { tls: proxyScheme === 'https', ...options });

  it('uses only the proxy, reuses a few connections, and shows no password', async () => {
    await begin({ credentials: `user:${PASSWORD}` });
    // So long that requests overlap on a busy machine too.
    server.model.latencyMs = 50;
    const { exitCode, output } = await runUpload(runProgram, ['--threads', '8'], proxy.url);
    expect(exitCode, output).toBe(0);
    expectBlobIs(DISK, storedBlob());
    const { connections, tunnels, forwarded } = proxy.counters;
    expect(connections).toBeLessThanOrEqual(9);
    expect(connections).toBeGreaterThan(1);
    expect(scheme === 'https' ? tunnels : forwarded).toBe(scheme === 'https' ? connections : server.counters.requests);
    expect(server.counters.requests).toBeGreaterThan(12);
    expect(output).not.toContain(PASSWORD);
    expect(output).not.toContain(Buffer.from(`user:${PASSWORD}`).toString('base64'));
  });

  it.each([true, false])(
    'survives connections that die while they are used, and still take bytes (%s)',
    async (reads) => {
      await begin();
      // Each request needs a connection of its own then.
      server.model.latencyMs = 100;
      const stall = { kind: 'stall', afterBytes: MIB, reads } as const;
      proxy.faults.push(stall, undefined, stall, stall);
      const events = await upload(LONG_REQUESTS, { stallTimeoutMs: 300 });
      expect(proxy.faults).toHaveLength(0);
      expect(events).toContain('ESTALLED');
    },
  );

  it('survives a silent proxy', async () => {
    await begin();
    proxy.faults.push({ kind: 'silence' }, { kind: 'silence' });
    expect(await upload(DISK, { stallTimeoutMs: 300 })).toContain('ESTALLED');
  });

  it('survives pages of the proxy', async () => {
    await begin();
    proxy.faults.push(...[407, 502, 200].map((status) => ({ kind: 'page', status }) as const));
    expect(await upload(DISK)).toContain('502');
  });

  it('fails with a next step and without the password if the proxy rejects it', async () => {
    await begin({ credentials: 'user:another' });
    const proxyUrl = proxy.url.replace('another', PASSWORD);
    const { exitCode, output } = await runUpload(runHere, ['--retries', '1'], proxyUrl);
    expect(exitCode, output).toBe(9);
    expect(output).toMatch(scheme === 'https' ? /in HTTPS_PROXY: it answered CONNECT with 407/ : /status 407/);
    expect(output).not.toContain(PASSWORD);
    expect(output).not.toContain(Buffer.from(`user:${PASSWORD}`).toString('base64'));
  });
});
