// Uploads through a forwarding proxy, with and without TLS on either side. Failures are detected and retried.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type ForwardingProxy,
  type ForwardingProxyOptions,
  startForwardingProxy,
} from '../../support/forwarding-proxy.ts';
import { type PageBlobServer, startPageBlobServer } from '../../support/page-blob-server/server.ts';
import { buildVhd, diskOf, patternOf } from '../../support/vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from '../../support/vhd-fixtures.ts';

const ROOT = join(import.meta.dirname, '../../..');
const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const CONTENTS = Array.from({ length: 16 }, (_, index) => ({
  offset: index * 4 * MIB,
  bytes: patternOf(index, 2 * MIB),
}));
const PASSWORD = 'proxyPassw0rdOfTheCompany';

let server: PageBlobServer;
let proxy: ForwardingProxy;

afterEach(async () => {
  await server.close();
  await proxy.close();
});

interface Upload {
  readonly exitCode: number | null;
  /** stdout, stderr and the log. */
  readonly output: string;
}

/** The command line. It trusts the authorities of server and proxy, and can reach the server only through the proxy. */
async function upload(args: readonly string[] = [], proxyUrl = proxy.url): Promise<Upload> {
  const image = join(await temporaryFolder(), 'disk.vhd');
  const [log, authorities] = ['upload.log', 'ca.pem'].map((name) => join(dirname(image), name)) as [string, string];
  await buildVhd(image, { type: 'dynamic', size: SIZE, contents: CONTENTS });
  await writeFile(authorities, `${server.caCertificate ?? ''}${proxy.caCertificate ?? ''}`);
  const url = server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' });
  const all = ['upload', image, url, '--json', '--verbose', '--log-file', log, ...args];
  const child = spawn(process.execPath, [join(ROOT, 'bin/vhdup.js'), ...all], {
    env: {
      PATH: process.env['PATH'],
      NODE_EXTRA_CA_CERTS: authorities,
      HTTPS_PROXY: proxyUrl,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, output: output + (await readFile(log, 'utf8')) };
}

async function start(tls: boolean, options: ForwardingProxyOptions = {}): Promise<void> {
  server = await startPageBlobServer({ tls });
  server.createContainer('vhds');
  proxy = await startForwardingProxy(options);
}

function expectUploaded({ exitCode, output }: Upload): void {
  expect(exitCode, output).toBe(0);
  const blob = server.blob('vhds', 'disk.vhd');
  expectSameBytes(blob.read(0, SIZE), diskOf(SIZE, CONTENTS));
  expect(blob.read(SIZE, 8).toString()).toBe('conectix');
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
    server.model.latencyMs = 5;
    const done = await upload(['--threads', '8']);
    expectUploaded(done);
    const { connections, tunnels, forwarded } = proxy.counters;
    expect(connections).toBeLessThanOrEqual(9);
    expect(connections).toBeGreaterThan(1);
    expect(scheme === 'https' ? tunnels : forwarded).toBe(scheme === 'https' ? connections : server.counters.requests);
    expect(server.counters.requests).toBeGreaterThan(16);
    expect(done.output).not.toContain(PASSWORD);
    expect(done.output).not.toContain(Buffer.from(`user:${PASSWORD}`).toString('base64'));
  });

  it.each([true, false])(
    'survives connections that die while they are used, and still take bytes (%s)',
    async (reads) => {
      await begin();
      const stall = { kind: 'stall', afterBytes: 3 * MIB, reads } as const;
      proxy.faults.push(stall, undefined, stall, stall);
      const done = await upload(['--timeout', '300ms']);
      expectUploaded(done);
      expect(proxy.faults).toHaveLength(0);
      expect(done.output).toContain('ESTALLED');
    },
  );

  it('survives a silent proxy', async () => {
    await begin();
    proxy.faults.push({ kind: 'silence' }, { kind: 'silence' });
    const done = await upload(['--timeout', '300ms']);
    expectUploaded(done);
    expect(done.output).toContain('ESTALLED');
  });

  it('survives pages of the proxy', async () => {
    await begin();
    proxy.faults.push(...[407, 502, 200].map((status) => ({ kind: 'page', status }) as const));
    const done = await upload();
    expectUploaded(done);
    expect(done.output).toContain('502');
  });

  it('fails with a next step and without the password if the proxy rejects it', async () => {
    await begin({ credentials: 'user:another' });
    const { exitCode, output } = await upload(['--retries', '1'], proxy.url.replace('another', PASSWORD));
    expect(exitCode, output).toBe(9);
    expect(output).toMatch(scheme === 'https' ? /in HTTPS_PROXY: it answered CONNECT with 407/ : /status 407/);
    expect(output).not.toContain(PASSWORD);
    expect(output).not.toContain(Buffer.from(`user:${PASSWORD}`).toString('base64'));
  });
});
