// The output on a terminal when file names, services, checkpoints and the environment contain terminal escapes.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { type CapturedOutput, captureOutput } from '../support/captured-output.ts';
import { buildVhd, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
/** Clears the screen, sets the title, reorders and hides text, in C0, C1 and Unicode. */
const ESCAPES = 'x\u001b[2J\u001b]0;title\u0007\u009b31m\u202e\u200b\u2028\r\u0008y';
const UNSAFE = /[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?!\n)\p{Cc}/u;

let written: CapturedOutput;

beforeEach(() => {
  written = captureOutput();
});

async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<{ code: number; text: string }> {
  written.out = '';
  written.err = '';
  const code = await main(args, environment);
  const text = written.out + written.err;
  expect(text).not.toMatch(UNSAFE);
  if (args.includes('--json')) for (const line of written.out.split('\n').filter(Boolean)) JSON.parse(line);
  return { code, text };
}

/** An image whose folder and name contain escapes. */
async function hostileImage(): Promise<string> {
  const folder = join(await temporaryFolder(), ESCAPES);
  await mkdir(folder);
  const path = join(folder, `${ESCAPES}.vhd`);
  await buildVhd(path, { type: 'dynamic', size: 8 * MIB, contents: [{ offset: MIB, bytes: patternOf(1, 4096) }] });
  return path;
}

/** With a correct digest: the content of a checkpoint need not come from vhdup. */
function checkpointText(fields: object): string {
  const sha256 = createHash('sha256').update(JSON.stringify(fields)).digest('hex');
  return JSON.stringify({ ...fields, sha256 }, undefined, 1);
}

/** A service that answers every request with escapes. */
async function hostileService(status: number, body: string): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      // Latin-1: the C1 controls that a header may contain.
      response.setHeader('x-ms-error-code', 'Bad\u009b31m\u0085');
      response.setHeader('x-ms-request-id', 'id\u009b31m');
      response.setHeader('content-type', 'application/xml\u009b');
      response.writeHead(status, 'Bad\u009b31m').end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/devstoreaccount1/vhds/disk.vhd?sp=rw&se=2099-01-01T00:00:00Z&sv=2021-08-06&sr=b&sig=c2VjcmV0`;
}

describe.skipIf(process.platform === 'win32')('no control character reaches the terminal', () => {
  it.each([[], ['--json', '--verbose'], ['--quiet']])(
    'from the name of an image, with %j',
    async (...options: string[]) => {
      const image = await hostileImage();
      const output = join(dirname(image), `${ESCAPES}.out`);
      const commands = [
        ['inspect', image],
        ['inspect', 'header', image],
        ['inspect', 'footer', `${image}.missing`],
        ['check', image],
        ['check', image, '--blob-name', ESCAPES],
        ['check', `${image}.missing`],
        ['convert', image, output],
        ['convert', image, output],
        ['convert', image, image, '--overwrite'],
        ['convert', image, join(output, 'below')],
        ['upload', image, 'https://account.blob.core.windows.net/vhds/b?sig=x', '--dry-run'],
        ['upload', image, ESCAPES],
        ['upload', image, `https://${ESCAPES}/a/b`],
        ['verify', image, 'https://account.blob.core.windows.net/vhds/b?sig=x', '--manifest', output],
        ['upload', `${image}.missing`, 'https://account.blob.core.windows.net/vhds/b?sig=x'],
        [ESCAPES, image],
        ['convert', image, output, `--${ESCAPES}`],
        ['convert', image, output, '--threads', ESCAPES],
      ];
      for (const command of commands) {
        const { code, text } = await run([...command, ...options]);
        if (code !== 0 && !options.includes('--quiet')) expect(text).not.toContain('This is a bug');
      }
    },
  );

  it('from the name of a parent', async () => {
    const path = join(await temporaryFolder(), 'child.vhd');
    const parent = { uniqueId: uniqueIdOf(1), name: ESCAPES, locators: [{ code: 'W2ku', text: `C:\\${ESCAPES}.vhd` }] };
    await buildVhd(path, { type: 'differencing', size: 8 * MIB, parent });
    for (const command of ['inspect', 'check']) {
      for (const options of [[], ['--json'], ['--verbose']]) await run([command, path, ...options]);
    }
    expect((await run(['convert', path, `${path}.out`])).code).toBe(4);
  });

  it.each([
    [400, `<?xml version="1.0"?><Error><Code>${ESCAPES}</Code><Message>${ESCAPES}</Message></Error>`],
    [403, `<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code><Message>${ESCAPES}</Message></Error>`],
    [404, ESCAPES],
    [409, `<Error><Code>LeaseIdMissing</Code><Message>&#x1b;[2J&#x9b;31m</Message></Error>`],
    [500, ESCAPES],
    [200, ESCAPES],
    [302, ESCAPES],
  ])('from a service that answers %i with escapes', async (status, body) => {
    const image = await hostileImage();
    const destination = await hostileService(status, body);
    for (const options of [[], ['--json', '--verbose']]) {
      for (const command of ['upload', 'verify']) {
        const log = join(dirname(image), 'run.log');
        const limits = ['--retries', '0', '--give-up-after', '1s', '--log-file', log];
        const { code } = await run([command, image, destination, ...limits, ...options]);
        expect(code).not.toBe(0);
        expect(await readFile(log, 'utf8')).not.toMatch(UNSAFE);
      }
    }
  });

  it('from a checkpoint', async () => {
    const image = await hostileImage();
    const destination = await hostileService(404, ESCAPES);
    const identity = { name: ESCAPES, size: 1, modifiedMs: 1, diskId: ESCAPES };
    const state = {
      ...{ uploadId: ESCAPES, startedAt: ESCAPES, image: [identity], diskSize: 8 * MIB, trustUnmarkedSectors: false },
      ...{ blobUrl: ESCAPES, blobSize: 8 * MIB + 512, done: [], savedMs: 0, sent: { bytes: 0, pages: ESCAPES } },
    };
    const whole = [3, 4, 99].map((format) => checkpointText({ vhdupCheckpoint: format, ...state }));
    const texts = [...whole, ESCAPES, `{\n "vhdupCheckpoint": "${ESCAPES}"`];
    for (const text of texts) {
      await writeFile(`${image}.vhdup.json`, text);
      const { code } = await run(['upload', image, destination, '--retries', '0', '--give-up-after', '1s']);
      expect(code).not.toBe(0);
    }
  });

  it('from a lock', async () => {
    const image = await hostileImage();
    const owner = new URLSearchParams({ host: ESCAPES, pid: '4711', since: ESCAPES, id: ESCAPES });
    for (const text of [owner.toString(), ESCAPES]) {
      await writeFile(`${image}.vhdup.json.lock`, text);
      const { code } = await run(['upload', image, 'http://127.0.0.1:9/devstoreaccount1/vhds/disk.vhd?sig=x']);
      expect(code).not.toBe(0);
    }
  });

  it.each([
    ['AZURE_STORAGE_ACCOUNT', ESCAPES],
    ['AZURE_STORAGE_SERVICE_ENDPOINT', `https://${ESCAPES}/`],
    ['AZURE_STORAGE_CONNECTION_STRING', `AccountName=${ESCAPES};AccountKey=${ESCAPES};BlobEndpoint=${ESCAPES}`],
    ['AZURE_STORAGE_SAS_TOKEN', ESCAPES],
    ['AZURE_STORAGE_KEY', ESCAPES],
  ])('from %s', async (name, value) => {
    const image = await hostileImage();
    const { code } = await run(['upload', image, 'vhds/disk.vhd', '--retries', '0'], { [name]: value });
    expect(code).not.toBe(0);
  });

  it.each(['HTTP_PROXY', 'http_proxy'])('from %s', async (name) => {
    const image = await hostileImage();
    const destination = 'http://account.blob.invalid/vhds/disk.vhd?sp=rw&sig=c2VjcmV0';
    for (const proxy of [ESCAPES, `http://user:${ESCAPES}@127.0.0.1:9`, `ftp://${ESCAPES}`]) {
      vi.stubEnv(name, proxy.replaceAll('\0', ''));
      const { code } = await run(['upload', image, destination, '--retries', '0', '--give-up-after', '1s']);
      expect(code).not.toBe(0);
      vi.unstubAllEnvs();
    }
  });

  it('from the output of a --sas-command', async () => {
    const image = await hostileImage();
    const destination = (await hostileService(404, '')).replace(/\?.*/, '');
    const command = `printf '\\033[2J\\007' >&2; exit 3`;
    const { code } = await run(['upload', image, destination, '--sas-command', command]);
    expect(code).not.toBe(0);
  });
});
