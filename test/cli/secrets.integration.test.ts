// No output, event, file or error of an upload contains a secret: with every kind of credential, on success and for every kind of failure.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Credential } from '../../src/azure/auth/credentials.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { startForwardingProxy } from '../support/forwarding-proxy.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { buildVhd, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const ROOT = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const SIZE = 16 * MIB;
/** The rest of the disk is zero. */
const DATA = 12 * MIB;
const CONTAINER = 'vhds';
const BLOB = 'disk.vhd';
const TOKEN = 'eyJ0eXAiOiJKV1QifQ.dG9rZW50b2tlbnRva2Vu.c2lnbmF0dXJlc2lnbmF0dXJl';
const PROXY_PASSWORD = 'proxyPassw0rdOfTheCompany';

let server: PageBlobServer;

beforeAll(() => restart());

afterAll(() => server.close());

async function restart(tls = false): Promise<void> {
  await server?.close();
  server = await startPageBlobServer({ tls, bearerToken: TOKEN });
  server.createContainer(CONTAINER);
}

async function makeImage(): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  const contents = [{ offset: 0, bytes: patternOf(1, DATA) }];
  await buildVhd(path, { type: 'dynamic', size: SIZE, contents, uniqueId: uniqueIdOf(1) });
  return path;
}

function newUrl(permissions = 'rw'): string {
  return server.sasUrl({ container: CONTAINER, blob: BLOB, permissions });
}

function signatureOf(url: string): string {
  return new URL(url).searchParams.get('sig') ?? '';
}

/** Pieces of a secret that look the same raw, percent-encoded and in JSON. */
function piecesOf(secret: string): string[] {
  const pieces = secret.split(/[^A-Za-z0-9]/).filter(({ length }) => length >= 6);
  expect(pieces.length, 'the secret has pieces to search for').toBeGreaterThan(0);
  return pieces;
}

function expectNoSecrets(text: string, secrets: readonly string[]): void {
  for (const piece of secrets.flatMap(piecesOf)) {
    const at = text.indexOf(piece);
    const found = at < 0 ? '' : text.slice(Math.max(0, at - 60), at + piece.length);
    expect(found).toBe('');
  }
}

/** All files that vhdup left in the folder of the image: checkpoints, their temporary files, logs. */
async function filesBeside(image: string): Promise<string> {
  const names = await readdir(dirname(image));
  const ours = names.filter((name) => name !== 'disk.vhd' && name !== 'sas.txt');
  return (await Promise.all(ours.map((name) => readFile(join(dirname(image), name), 'utf8')))).join('\n');
}

/** The ways in which an upload fails: the preparation and the options. Each gets a new server. */
const OUTCOMES: Readonly<
  Record<
    string,
    {
      readonly code: string;
      readonly arrange: (image: string) => Partial<UploadOptions> | Promise<Partial<UploadOptions>>;
    }
  >
> = {
  'all is well': { code: 'none', arrange: () => ({}) },
  'faults of the service and the network': {
    code: 'none',
    arrange: () => {
      server.faults.add({ operation: 'PutPage', nth: 1 }, internalError());
      server.faults.add({ operation: 'PutPage', nth: 2 }, { kind: 'reset-after-commit' });
      server.faults.add({ operation: 'PutPage', nth: 3 }, { kind: 'proxy-page', status: 502 });
      server.faults.add({ operation: 'PutPage', nth: 4 }, { kind: 'garbled-answer', form: 'not-http' });
      server.faults.add({ operation: 'GetPageRanges', nth: 1 }, { kind: 'truncated-answer' });
      return {};
    },
  },
  'an option that cannot be': { code: 'USAGE', arrange: () => ({ threads: 99 }) },
  'no image': { code: 'IMAGE_ACCESS', arrange: () => ({ image: '/no/such/image.vhd' }) },
  'an image that is none': {
    code: 'IMAGE_UNSUPPORTED',
    arrange: () => ({ image: join(ROOT, 'package.json') }),
  },
  'a blob that is there': {
    code: 'DESTINATION',
    arrange: () => {
      server.createPageBlob(CONTAINER, BLOB, 512);
      return {};
    },
  },
  'no container': {
    code: 'DESTINATION',
    arrange: () => {
      server.faults.add({ operation: 'PutBlob' }, { kind: 'status', status: 404, code: 'ContainerNotFound' });
      return {};
    },
  },
  'a checkpoint of something else': {
    code: 'CHECKPOINT',
    arrange: async (image) => {
      await writeFile(`${image}.vhdup.json`, 'something else');
      return {};
    },
  },
  'a checkpoint that cannot be written': {
    code: 'CHECKPOINT',
    arrange: (image) => ({ checkpoint: join(dirname(image), 'no', 'c.json') }),
  },
  'retries used up': {
    code: 'SERVICE',
    arrange: () => {
      server.faults.add({ operation: 'PutPage' }, { kind: 'reset-before-read' });
      return { retries: 1 };
    },
  },
  'a refusal for good': {
    code: 'SERVICE',
    arrange: () => {
      server.faults.add({ operation: 'PutPage' }, { kind: 'status', status: 400, code: 'InvalidInput' });
      return {};
    },
  },
  'nobody there': {
    code: 'SERVICE',
    arrange: async () => {
      await server.refuseConnections(true);
      return { retries: 1 };
    },
  },
  'a service that refuses the credential': {
    code: 'CREDENTIALS',
    arrange: () => {
      server.faults.add({ operation: 'PutPage' }, { kind: 'status', status: 403, code: 'AuthenticationFailed' });
      return {};
    },
  },
  'a token or key that is not the one': {
    code: 'CREDENTIALS',
    arrange: () => {
      server.faults.add({}, { kind: 'status', status: 401, code: 'InvalidAuthenticationInfo' });
      return {};
    },
  },
  'pages that were not sent': {
    code: 'VERIFICATION',
    arrange: () => {
      void server
        .when(() => server.hasBlob(CONTAINER, BLOB))
        .then(() => server.blob(CONTAINER, BLOB).markWritten({ offset: DATA + MIB, length: 512 }));
      return {};
    },
  },
};

/** The kinds of credentials. `secrets` must not appear anywhere. */
const CREDENTIALS: Readonly<
  Record<
    string,
    { readonly tls?: boolean; readonly choose: () => { options: Partial<UploadOptions>; secrets: string[] } }
  >
> = {
  'a SAS in the URL': {
    choose: () => {
      const destination = newUrl();
      return { options: { destination }, secrets: [signatureOf(destination)] };
    },
  },
  'a SAS beside the URL': {
    choose: () => {
      const url = newUrl();
      const credential: Credential = { kind: 'sas', sas: url };
      return { options: { destination: server.urlOf(CONTAINER, BLOB), credential }, secrets: [signatureOf(url)] };
    },
  },
  'an account key': {
    choose: () => ({
      options: {
        destination: `${CONTAINER}/${BLOB}`,
        serviceUrl: server.url,
        credential: { kind: 'account-key', accountName: server.account, accountKey: server.key },
      },
      secrets: [server.key],
    }),
  },
  'a token': {
    tls: true,
    choose: () => {
      const source = { getToken: () => Promise.resolve({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }) };
      return {
        options: { destination: server.urlOf(CONTAINER, BLOB), credential: { kind: 'token', source } },
        secrets: [TOKEN],
      };
    },
  },
};

describe.each(Object.entries(CREDENTIALS))('with %s, the library shows no secret', (_, { tls = false, choose }) => {
  it.each(Object.entries(OUTCOMES))('in this case: %s', async (_name, { code, arrange }) => {
    await restart(tls);
    const image = await makeImage();
    const { options, secrets } = choose();
    const told: string[] = [];
    const arranged = await arrange(image);
    const outcome = await withoutTlsCheck(() =>
      uploadImage({
        image,
        destination: '',
        retryDelayMs: 1,
        maxRetryDelayMs: 2,
        threads: 2,
        ...options,
        onEvent: (event) => {
          told.push(JSON.stringify(event));
          if (event.type === 'saved' && existsSync(event.checkpoint)) told.push(readFileSync(event.checkpoint, 'utf8'));
        },
        ...arranged,
      }).then(
        (result) => ({ code: 'none', shown: result as unknown }),
        (error: { code?: string; stack?: string }) => ({ code: error.code, shown: [error, error.stack] }),
      ),
    );
    expect(outcome.code, inspect(outcome.shown)).toBe(code);
    const shown = inspect(outcome.shown, { depth: Number.POSITIVE_INFINITY, showHidden: true });
    expectNoSecrets([...told, shown, await filesBeside(image)].join('\n'), secrets);
  });
});

/** No client trusts the certificates of the test server by default. */
async function withoutTlsCheck<T>(work: () => Promise<T>): Promise<T> {
  const previous = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    return await work();
  } finally {
    if (previous === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = previous;
  }
}

describe('a SAS that expires', () => {
  it('appears in no output, and neither do the new ones, some of which are refused', async () => {
    await restart();
    const image = await makeImage();
    const destination = newUrl();
    const given: string[] = [];
    const told: string[] = [];
    server.model.latencyMs = 5;
    const upload = uploadImage({
      image,
      destination,
      threads: 1,
      renewSas: ({ problem, attempt }) => {
        told.push(problem);
        const url = newUrl();
        const answers = [
          url.replace(BLOB, 'other.vhd'),
          url.replace('?', '&'),
          `"${url}" and more`,
          url.replace('sp=rw', 'sp=r'),
          url.replace(/sig=/, 'sig=AAAAAAAA'),
        ];
        given.push(url);
        return Promise.resolve(answers[attempt - 1] ?? url);
      },
      onEvent: (event) => told.push(JSON.stringify(event)),
    });
    await server.when(() => server.counters.bytesCommitted >= 4 * MIB);
    server.expireSas();
    await upload;
    expect(given.length).toBeGreaterThan(5);
    expectNoSecrets(told.join('\n'), [destination, ...given].map(signatureOf));
  });
});

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
}

function vhdup(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const child = spawn(process.execPath, [join(ROOT, 'bin/vhdup.js'), ...args], {
    // The log of the SDK, as a user would enable it to find the cause of a failure.
    env: { PATH: process.env['PATH'], AZURE_LOG_LEVEL: 'verbose', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, output })));
}

const MODES: Readonly<Record<string, readonly string[]>> = {
  words: [],
  'more words': ['--verbose'],
  JSON: ['--json', '--verbose'],
  nothing: ['--quiet'],
};

describe.each(Object.entries(MODES))('the command line that prints %s shows no secret', (_, mode) => {
  it('on success, with each credential from the environment', async () => {
    await restart();
    const image = await makeImage();
    const log = join(dirname(image), 'upload.log');
    const sas = server.accountSas('rw');
    const environments = [
      { AZURE_STORAGE_SAS_TOKEN: `?${sas}` },
      { AZURE_STORAGE_CONNECTION_STRING: server.connectionString },
      { AZURE_STORAGE_ACCOUNT: server.account, AZURE_STORAGE_KEY: server.key },
    ];
    for (const env of environments) {
      const args = ['upload', image, server.urlOf(CONTAINER, BLOB), '--overwrite', '--log-file', log, ...mode];
      const { exitCode, output } = await vhdup(args, env);
      expect(exitCode, output).toBe(0);
      const secrets = [new URLSearchParams(sas).get('sig') ?? '', server.key];
      expectNoSecrets(output + (await filesBeside(image)), secrets);
    }
    expect(await readFile(log, 'utf8')).toContain('"requestId"');
  });

  it.each([
    ['a file', 'file', 0],
    ['a command', 'command', 0],
    ['a command that fails', 'failing', 8],
    ['nobody', 'nobody', 8],
  ])('when the SAS expires and the new one comes from %s', async (_name, from, code) => {
    await restart();
    const image = await makeImage();
    const [old, next] = [newUrl(), newUrl('racwd')];
    const file = join(dirname(image), 'sas.txt');
    await writeFile(file, next);
    const source: Readonly<Record<string, readonly string[]>> = {
      file: ['--sas-file', file],
      command: ['--sas-command', `"${process.execPath}" -p "fs.readFileSync('${file.replaceAll('\\', '/')}','utf8')"`],
      failing: ['--sas-command', `echo "${next}" >&2; exit 1`, '--give-up-after', '2s'],
      nobody: [],
    };
    server.model.latencyMs = 20;
    const log = join(dirname(image), 'upload.log');
    const args = ['upload', image, old, '--threads', '1', '--log-file', log, ...(source[from] ?? []), ...mode];
    const run = vhdup(args);
    await server.when(() => server.counters.bytesCommitted >= 4 * MIB);
    server.expireSas(old);
    const { exitCode, output } = await run;
    expect(exitCode, output).toBe(code);
    expectNoSecrets(output + (await filesBeside(image)), [old, next].map(signatureOf));
    expect(await readFile(log, 'utf8')).toContain('AuthenticationFailed');
  });

  it.each([false, true])(
    'when a proxy requires a password and gets the right or a wrong one (TLS: %s)',
    async (tls) => {
      await restart(tls);
      const proxy = await startForwardingProxy({ credentials: `user:${PROXY_PASSWORD}` });
      onTestFinished(() => proxy.close());
      const image = await makeImage();
      const url = newUrl();
      const log = join(dirname(image), 'upload.log');
      const authority = join(dirname(image), 'ca.pem');
      await writeFile(authority, server.caCertificate ?? '');
      for (const [user, code] of [
        ['other', 9],
        ['user', 0],
      ] as const) {
        const args = ['upload', image, url, '--retries', '1', '--log-file', log, ...mode];
        const HTTPS_PROXY = proxy.url.replace('user', user);
        const { exitCode, output } = await vhdup(args, { HTTPS_PROXY, NODE_EXTRA_CA_CERTS: authority });
        expect(exitCode, output).toBe(code);
        const authorization = Buffer.from(`${user}:${PROXY_PASSWORD}`).toString('base64');
        expectNoSecrets(output + (await filesBeside(image)), [PROXY_PASSWORD, authorization, signatureOf(url)]);
      }
    },
  );

  it('when a proxy that requires a password cannot reach the host', async () => {
    await restart();
    const image = await makeImage();
    const url = newUrl().replace('127.0.0.1', 'account.blob.core.windows.net');
    const log = join(dirname(image), 'upload.log');
    for (const proxy of [
      `http://user:${PROXY_PASSWORD}@127.0.0.1:1`,
      `http://user:${PROXY_PASSWORD}@127.0.0.1:99999`,
    ]) {
      const args = ['upload', image, url, '--retries', '1', '--log-file', log, ...mode];
      const { exitCode, output } = await vhdup(args, { HTTP_PROXY: proxy, HTTPS_PROXY: proxy });
      expect(exitCode, output).not.toBe(0);
      expect(output).not.toContain('This is a bug');
      expectNoSecrets(output + (await filesBeside(image)), [PROXY_PASSWORD, signatureOf(url)]);
    }
  });
});
