// SAS, URLs, connection strings and endpoints as users write them, against strict services.
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, createConnection, createServer as createTunnel } from 'node:net';
import { join } from 'node:path';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseConnectionString } from '../../src/azure/auth/connection-string.ts';
import { readEnvironment } from '../../src/cli/environment.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import type { StorageAccount } from '../support/storage-account.ts';
import { buildVhd, diskOf, patternOf } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const CONTENTS = [{ offset: MIB, bytes: patternOf(1, 4096) }];
const SIZE = 4 * MIB;
const DISK = diskOf(SIZE, CONTENTS);

let strict: PageBlobServer;
let azurite: Azurite;

beforeAll(async () => {
  strict = await startPageBlobServer();
  azurite = await startAzurite();
  strict.createContainer('vhds');
  await azurite.createContainer('vhds');
});

afterAll(async () => {
  await strict.close();
  await azurite.close();
});

/** Uploads a new image and leaves no checkpoint. */
async function upload(options: Partial<UploadOptions> & { destination: string }) {
  const image = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(image, { type: 'dynamic', size: SIZE, contents: CONTENTS });
  return await uploadImage({ image, overwrite: true, checksum: 'md5', retryDelayMs: 1, ...options });
}

async function expectBlob(account: StorageAccount, container: string, name: string): Promise<void> {
  const key = new StorageSharedKeyCredential(account.account, account.key);
  // Azurite closes a connection after five idle seconds, which may be the moment of its next use.
  const service = new BlobServiceClient(account.url, key, { keepAliveOptions: { enable: false } });
  const blob = service.getContainerClient(container).getBlobClient(name);
  expectSameBytes((await blob.downloadToBuffer()).subarray(0, DISK.length), DISK);
}

/** How tools, e-mails and shells change a SAS whose signature contains + and /. */
const SPELLINGS: Readonly<Record<string, (sas: string) => string>> = {
  'an unescaped =': (sas) => sas.replaceAll('%3D', '='),
  'an unescaped +': (sas) => sas.replaceAll('%2B', '+'),
  'an unescaped /': (sas) => sas.replaceAll('%2F', '/'),
  'nothing escaped': decodeURIComponent,
  'everything escaped twice': (sas) => sas.replaceAll('%', '%25'),
  '&amp; for &': (sas) => sas.replaceAll('&', '&amp;'),
};

/** A SAS URL whose signature needs every kind of escape. */
function hardSasUrl(account: PageBlobServer | Azurite): string {
  for (let second = 0; ; second++) {
    const expiresOn = new Date(Date.now() + 3_600_000 + second * 1000);
    const url = account.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'racwd', expiresOn });
    const signature = new URL(url).searchParams.get('sig') ?? '';
    if (/\+.*\/|\/.*\+/.test(signature)) return url;
  }
}

describe.each([
  ['the strict server', () => strict],
  ['Azurite', () => azurite],
] as const)('on %s', (_, account) => {
  it.each(Object.entries(SPELLINGS))('every request has the same signature for a SAS with %s', async (_name, spell) => {
    const [place, sas = ''] = hardSasUrl(account()).split('?');
    await upload({ destination: `${place}?${spell(sas)}` });
    await expectBlob(account(), 'vhds', 'disk.vhd');
  });

  it('a connection string whose endpoint ends in a container uploads to that container', async () => {
    const [, sas = ''] = account().sasUrl({ container: 'vhds', permissions: 'racwdl' }).split('?');
    const { serviceUrl, credential } = parseConnectionString(
      `BlobEndpoint=${account().url}/vhds/;SharedAccessSignature=?${sas}`,
    );
    for (const [destination, name] of [
      ['vhds/one.vhd', 'one.vhd'],
      ['two.vhd', 'two.vhd'],
    ] as const) {
      const { url } = await upload({ destination, serviceUrl, credential });
      expect(url).toBe(`${account().url}/vhds/${name}`);
      await expectBlob(account(), 'vhds', name);
    }
    const failure = await failureOf(upload({ destination: 'other/three.vhd', serviceUrl, credential }));
    expect(failure).toMatchObject({ code: 'USAGE', message: expect.stringContaining('vhds/other/three.vhd') });
  });

  it('--create-container creates the named container, on a host with dots and the account in the path', async () => {
    await leadEveryHostTo(Number(new URL(account().url).port));
    const origin = 'http://azurite.default.svc.cluster.local:10000';
    const environment = {
      AZURE_STORAGE_ACCOUNT: account().account,
      AZURE_STORAGE_KEY: account().key,
      AZURE_STORAGE_SERVICE_ENDPOINT: `${origin}/${account().account}`,
    };
    const destination = `${origin}/${account().account}/created/sub/disk.vhd`;
    const { url } = await upload({ destination, createContainer: true, ...readEnvironment(environment, destination) });
    expect(url).toBe(destination);
    await expectBlob(account(), 'created', 'sub/disk.vhd');
  });
});

/** Uses a proxy instead of name servers until the end of the test. */
async function leadEveryHostTo(port: number): Promise<void> {
  const proxy = createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/' } = incoming;
    // By default, Azurite uses the first label of a host with dots as the account.
    const headers = { ...incoming.headers, host: `127.0.0.1:${port}` };
    const { pathname, search } = new URL(url);
    const onward = httpRequest({ host: '127.0.0.1', port, method, path: pathname + search, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    proxy.closeAllConnections();
    proxy.close();
  });
}

describe('an IPv6 literal', () => {
  it('works end to end', async () => {
    const tunnel = createTunnel((socket) => {
      const onward = createConnection(strict.port, '127.0.0.1');
      for (const end of [socket, onward]) end.on('error', () => end.destroy());
      socket.pipe(onward).pipe(socket);
    });
    tunnel.listen(0, '::1');
    await once(tunnel, 'listening');
    onTestFinished(() => void tunnel.close());
    const { port } = tunnel.address() as AddressInfo;
    const [, sas = ''] = strict.sasUrl({ container: 'vhds', blob: 'six.vhd', permissions: 'racwd' }).split('?');
    const place = `http://[::1]:${port}/${strict.account}/vhds/six.vhd`;
    expect((await upload({ destination: `${place}?${sas}` })).url).toBe(place);
    await expectBlob(strict, 'vhds', 'six.vhd');
  });
});
