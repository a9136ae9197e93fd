// No output, event, file or error of an upload contains a secret: with every kind of credential, on success and for every kind of failure.
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Credential } from '../../src/azure/auth/credentials.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { captureOutput } from '../support/captured-output.ts';
import { ROOT, runHere, runProgram } from '../support/command-line.ts';
import { withoutTlsCheck } from '../support/environment.ts';
import { startForwardingProxy } from '../support/forwarding-proxy.ts';
import { internalError } from '../support/page-blob-server/faults.ts';
import { buildImage, PIECE, spreadDisk, type TestDisk } from '../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../support/target-server.ts';

// The log of the SDK, as a user would enable it to find the cause of a failure. It reads the variable when it is loaded.
const SDK_LOG = vi.hoisted(() => {
  const variables = { AZURE_LOG_LEVEL: 'verbose' };
  Object.assign(process.env, variables);
  return variables;
});

const MIB = 1024 * 1024;
/** The last window is zero. */
const DISK: TestDisk = { ...spreadDisk(3), size: 16 * MIB };
const TOKEN = 'eyJ0eXAiOiJKV1QifQ.dG9rZW50b2tlbnRva2Vu.c2lnbmF0dXJlc2lnbmF0dXJl';
const PROXY_PASSWORD = 'proxyPassw0rdOfTheCompany';

useServer();

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

/** A log and a report beside the image. */
const recording = (log: string) => ['--log-file', log, '--report', `${log}.html`];

/** All files that vhdup left in the folder of the image: checkpoints, their temporary files, logs. */
async function filesBeside(image: string): Promise<string> {
  const names = await readdir(dirname(image));
  const ours = names.filter((name) => name !== 'disk.vhd' && name !== 'sas.txt');
  return (await Promise.all(ours.map((name) => readFile(join(dirname(image), name), 'utf8')))).join('\n');
}

/** Only the command line filters the log of the SDK, which contains signatures. Programs that use the library decide about it. */
function hideSdkLog(): void {
  captureOutput();
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
        .then(() => storedBlob().markWritten({ offset: 13 * MIB, length: 512 }));
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
      const destination = blobUrl();
      return { options: { destination }, secrets: [signatureOf(destination)] };
    },
  },
  'a SAS beside the URL': {
    choose: () => {
      const url = blobUrl();
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
    await restartServer({ tls, bearerToken: TOKEN });
    const image = await buildImage(DISK);
    const { options, secrets } = choose();
    const told: string[] = [];
    hideSdkLog();
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

describe('a SAS that expires', () => {
  it('appears in no output, and neither do the new ones, some of which are refused', async () => {
    const image = await buildImage(DISK);
    const destination = blobUrl();
    const given: string[] = [];
    const told: string[] = [];
    hideSdkLog();
    const upload = uploadImage({
      image,
      destination,
      threads: 1,
      renewSas: ({ problem, attempt }) => {
        told.push(problem);
        const url = blobUrl();
        const answers = [
          url.replace(BLOB, 'other.vhd'),
          url.replace('?', '&'),
          `${url} ${url.replace(/sig=/, 'sig=AAAAAAAA')}`,
          url.replace('sp=rw', 'sp=r'),
          url.replace(/sig=/, 'sig=AAAAAAAA'),
        ];
        given.push(url);
        return Promise.resolve(answers[attempt - 1] ?? url);
      },
      onEvent: (event) => told.push(JSON.stringify(event)),
    });
    await server.when(() => hasCommitted(PIECE));
    server.expireSas();
    await upload;
    expect(given.length).toBeGreaterThan(5);
    expectNoSecrets(told.join('\n'), [destination, ...given].map(signatureOf));
  });
});

describe.each([
  ['words', runHere, []],
  ['more words', runHere, ['--verbose']],
  // As users run it: dist/ in a process of its own.
  ['JSON', runProgram, ['--json', '--verbose']],
  ['nothing', runHere, ['--quiet']],
] as const)('the command line that prints %s shows no secret', (_, run, mode) => {
  it.each([
    ['AZURE_STORAGE_SAS_TOKEN', (sas: string) => ({ AZURE_STORAGE_SAS_TOKEN: `?${sas}` })],
    ['AZURE_STORAGE_CONNECTION_STRING', () => ({ AZURE_STORAGE_CONNECTION_STRING: server.connectionString })],
    ['AZURE_STORAGE_KEY', () => ({ AZURE_STORAGE_ACCOUNT: server.account, AZURE_STORAGE_KEY: server.key })],
  ])('on success, with the credential in %s', async (_name, environmentOf) => {
    const image = await buildImage(DISK);
    const log = join(dirname(image), 'upload.log');
    const sas = server.accountSas('rw');
    const args = ['upload', image, server.urlOf(CONTAINER, BLOB), ...recording(log), ...mode];
    const { exitCode, stdout, stderr } = await run(args, { ...SDK_LOG, ...environmentOf(sas) });
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('azure:storage-blob:info');
    const secrets = [new URLSearchParams(sas).get('sig') ?? '', server.key];
    expectNoSecrets(stdout + stderr + (await filesBeside(image)), secrets);
    expect(await readFile(log, 'utf8')).toContain('"requestId"');
  });

  it.each([
    ['a file', 'file', 0],
    ['a command', 'command', 0],
    ['a command that fails', 'failing', 8],
    ['nobody', 'nobody', 8],
  ])('when the SAS expires and the new one comes from %s', async (_name, from, code) => {
    const image = await buildImage(DISK);
    const [old, next] = [blobUrl(), blobUrl('racwd')];
    const file = join(dirname(image), 'sas.txt');
    await writeFile(file, next);
    const source: Readonly<Record<string, readonly string[]>> = {
      file: ['--sas-file', file],
      command: ['--sas-command', `"${process.execPath}" -p "fs.readFileSync('${file.replaceAll('\\', '/')}','utf8')"`],
      failing: ['--sas-command', `echo "${next}" >&2; exit 1`, '--give-up-after', '1s'],
      nobody: [],
    };
    const log = join(dirname(image), 'upload.log');
    const args = ['upload', image, old, '--threads', '1', ...recording(log), ...(source[from] ?? []), ...mode];
    const running = run(args, SDK_LOG);
    await server.when(() => hasCommitted(PIECE));
    server.expireSas(old);
    const { exitCode, stdout, stderr } = await running;
    expect(exitCode, stderr).toBe(code);
    expectNoSecrets(stdout + stderr + (await filesBeside(image)), [old, next].map(signatureOf));
    expect(await readFile(log, 'utf8')).toContain('AuthenticationFailed');
  });

  it.each([
    ['the wrong', false, 'other', 9],
    ['the wrong', true, 'other', 9],
    ['the right', false, 'user', 0],
    ['the right', true, 'user', 0],
  ])('when a proxy gets %s password (TLS: %s)', async (_name, tls, user, code) => {
    await restartServer({ tls });
    const proxy = await startForwardingProxy({ credentials: `user:${PROXY_PASSWORD}` });
    onTestFinished(() => proxy.close());
    const image = await buildImage(DISK);
    const url = blobUrl();
    const log = join(dirname(image), 'upload.log');
    const authority = join(dirname(image), 'ca.pem');
    await writeFile(authority, server.caCertificate ?? '');
    const args = ['upload', image, url, '--retries', '1', ...recording(log), ...mode];
    const HTTPS_PROXY = proxy.url.replace('user', user);
    // Only a new process reads its authorities from the environment.
    const environment = { ...SDK_LOG, HTTPS_PROXY, NODE_EXTRA_CA_CERTS: authority };
    const { exitCode, stdout, stderr } = await withoutTlsCheck(() => run(args, environment));
    expect(exitCode, stderr).toBe(code);
    const authorization = Buffer.from(`${user}:${PROXY_PASSWORD}`).toString('base64');
    expectNoSecrets(stdout + stderr + (await filesBeside(image)), [PROXY_PASSWORD, authorization, signatureOf(url)]);
  });

  it.each(['127.0.0.1:1', '127.0.0.1:99999'])(
    'when the proxy %s requires a password and is not there',
    async (host) => {
      const image = await buildImage(DISK);
      const url = blobUrl().replace('127.0.0.1', 'account.blob.core.windows.net');
      const log = join(dirname(image), 'upload.log');
      const proxy = `http://user:${PROXY_PASSWORD}@${host}`;
      const args = ['upload', image, url, '--retries', '1', ...recording(log), ...mode];
      const { exitCode, stdout, stderr } = await run(args, { ...SDK_LOG, HTTP_PROXY: proxy, HTTPS_PROXY: proxy });
      expect(exitCode, stderr).not.toBe(0);
      expect(stderr).not.toContain('This is a bug');
      expectNoSecrets(stdout + stderr + (await filesBeside(image)), [PROXY_PASSWORD, signatureOf(url)]);
    },
  );
});
