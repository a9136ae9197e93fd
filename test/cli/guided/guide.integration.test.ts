// `vhdup disk.vhd` on a real terminal, against the strict servers.
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROOT, runProgram } from '../../support/command-line.ts';
import { doneOffset, holdFrom, writePage } from '../../support/contested-blob.ts';
import { buildChain } from '../../support/image-chain.ts';
import { type ManagedDisks, startManagedDisks } from '../../support/managed-disks.ts';
import { hasScript, NO_SCRIPT, startOnTerminal } from '../../support/pseudo-terminal.ts';
import { BLOB, CONTAINER, isComplete, server, useServer } from '../../support/target-server.ts';
import { buildVhd, patternOf } from '../../support/vhd-builder.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const BIN = join(ROOT, 'bin/vhdup.js');
const MIB = 1024 * 1024;
const PASTE_URL = 'a SAS in it is not shown';
const BY_URL = '2';

useServer();
beforeEach((context) => context.skip(!hasScript, NO_SCRIPT));

/** A folder with one image, and the folder of a user. */
let folder: string;
let home: string;
let image: string;

beforeEach(async () => {
  [folder, home] = [await temporaryFolder(), await temporaryFolder()];
  image = join(folder, 'disk.vhd');
  await buildVhd(image, {
    type: 'dynamic',
    size: 24 * MIB,
    contents: [{ offset: 0, bytes: patternOf(1, 8 * MIB) }],
  });
});

function start(words: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const all = { TERM: 'xterm-256color', HOME: home, ...environment };
  return startOnTerminal(process.execPath, [BIN, ...words], all);
}

/** Of the container. A SAS for it is what people are given. */
function containerSasUrl(permissions = 'rw'): string {
  return server.sasUrl({ container: CONTAINER, permissions });
}

function signatureIn(url: string): string {
  return new URL(url).searchParams.get('sig') ?? '';
}

/** Neither as it is nor percent-encoded, nor a part of it. */
function expectHidden(url: string, ...texts: readonly string[]): void {
  const signature = signatureIn(url);
  expect(signature.length).toBeGreaterThan(20);
  for (const text of texts) {
    for (const form of [signature, encodeURIComponent(signature)]) expect(text).not.toContain(form.slice(2, 14));
  }
}

/** Stops an upload with Ctrl-C when its first window is in the checkpoint. The second is refused until then. */
async function stopUpload(words: readonly string[], url: string) {
  const hold = holdFrom(4 * MIB);
  const { answer, type, ended } = start(words);
  await answer(['Your choice', 'by its URL'], [PASTE_URL, url], ['Name of the blob', ''], ['Start?', '']);
  await vi.waitFor(async () => expect(await doneOffset(`${image}.vhdup.json`)).toBe(0), { timeout: 60_000 });
  type('\u0003');
  const { output, exitCode } = await ended;
  hold.release();
  expect(exitCode, output).toBe(130);
  return output;
}

async function everyFile(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('an image on a terminal', () => {
  it('goes to a container whose SAS is pasted, and neither the terminal nor a file shows the SAS', async () => {
    const url = containerSasUrl();
    const { answer, ended } = start([image]);
    await answer(
      ['Your choice [1]', BY_URL],
      [PASTE_URL, url],
      ['Name of the blob in vhds [disk.vhd]', ''],
      ['Start? [Y/n]', ''],
    );
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(isComplete()).toBe(true);
    expect(output).toContain(`${server.url}/${CONTAINER}?[not shown]`);
    expect(output).toContain(`vhdup upload ${image} ${server.url}/${CONTAINER}/${BLOB} --sas-file -`);
    expect(output).toContain(`Uploaded to ${server.url}/${CONTAINER}/${BLOB}`);
    const files = await everyFile(home);
    expect(files).toHaveLength(1);
    const remembered = await Promise.all(files.map((path) => readFile(path, 'utf8')));
    expect(JSON.parse(remembered.join(''))).toEqual({
      kind: 'container',
      url: `${server.url}/${CONTAINER}`,
      access: 'sas',
    });
    expectHidden(url, output, ...remembered);
  });

  it('is offered the destinations of earlier ones, which can be forgotten', async () => {
    const first = start([image]);
    await first.answer(
      ['Your choice', BY_URL],
      [PASTE_URL, containerSasUrl()],
      ['Name of the blob', ''],
      ['Start?', ''],
    );
    expect((await first.ended).exitCode).toBe(0);
    const url = containerSasUrl();
    const second = start([image]);
    await second.answer(
      [`1  a blob in ${server.url}/${CONTAINER}`, ''],
      ['Name of the blob', 'second.vhd'],
      ['SAS, or a URL with one', url],
      ['Start?', ''],
    );
    const { output, exitCode } = await second.ended;
    expect(exitCode, output).toBe(0);
    expect(server.hasBlob(CONTAINER, 'second.vhd')).toBe(true);
    expectHidden(url, output);
    const third = start([image]);
    await third.answer(['forget these destinations', '5'], ['Forgotten.', '\u0003']);
    expect((await third.ended).exitCode).toBe(130);
    expect(await everyFile(home)).toEqual([]);
  });

  it('asks again after nonsense, with the reason', async () => {
    const { answer, type, ended } = start([image]);
    await answer(
      ['Your choice', '17'],
      ['Type a number from 1 to 3', BY_URL],
      [PASTE_URL, 'nowhere'],
      ['is not a URL, and no account is known', ''],
      ['Your choice', BY_URL],
      [PASTE_URL, containerSasUrl()],
      ['Name of the blob', 'a/../b.vhd'],
      ['contains . or ..', 'disk.img'],
      ['Use this name? [y/N]', ''],
      ['Name of the blob', 'folder/other.vhd'],
    );
    type('\r');
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(server.hasBlob(CONTAINER, 'folder/other.vhd')).toBe(true);
  });
});

describe('Ctrl-C', () => {
  const UP_TO: readonly (readonly [string, string])[] = [
    ['Your choice', BY_URL],
    [PASTE_URL, 'URL'],
    ['Name of the blob', ''],
    ['Start?', ''],
  ];

  it.each(UP_TO.map(([question], index) => [question, index] as const))(
    'at the question "%s" ends with 130 and leaves nothing behind',
    async (_, index) => {
      const before = await everyFile(folder);
      const { answer, until, type, ended } = start([image]);
      const answers = UP_TO.slice(0, index).map(([question, text]) => [question, text || ''] as const);
      await answer(
        ...answers.map(([question, text]) => [question, text === 'URL' ? containerSasUrl() : text] as const),
      );
      await until(UP_TO[index]?.[0] ?? '');
      type('\u0003');
      const { output, exitCode } = await ended;
      expect(exitCode, output).toBe(130);
      expect(output).toContain('Stopped by SIGINT.');
      expect(await everyFile(folder)).toEqual(before);
      expect(await everyFile(home)).toEqual([]);
      expect(server.log.filter(({ method }) => method !== 'HEAD' && method !== 'GET')).toEqual([]);
    },
  );

  it('is what the end of the input is, too', async () => {
    const { until, type, ended } = start([image]);
    await until('Your choice');
    type('\u0004');
    const { output, exitCode } = await ended;
    expect(exitCode).toBe(130);
    expect(output).toContain('Stopped: the standard input has ended.');
  });

  it('during the upload saves the progress, which is offered first the next time', async () => {
    const url = containerSasUrl();
    const options = ['--manifest', `${image}.manifest`, '--content-md5', '--verify', 'full'];
    expect(await stopUpload([image, ...options], url)).toContain('to resume');
    // Some are given again, the others come from the checkpoint.
    const resumed = start([image, ...options.slice(0, 3)]);
    await resumed.answer(['1  resume the upload (', ''], ['SAS, or a URL with one', url], ['Start?', '']);
    const after = await resumed.ended;
    expect(after.exitCode, after.output).toBe(0);
    expect(isComplete()).toBe(true);
    expect(after.output).toContain('Resuming the upload started at');
  });

  it('and whose blob was then changed is offered to be started over', async () => {
    const url = containerSasUrl();
    await stopUpload([image], url);
    expect(await writePage(0, patternOf(9, 512))).toBe(201);
    const found = start([image]);
    await found.answer(['1  resume the upload (', ''], ['SAS, or a URL with one', url], ['Start?', '']);
    expect((await found.ended).exitCode).toBe(10);
    const restarted = start([image]);
    await restarted.answer(['1  start the failed upload over', ''], ['SAS, or a URL with one', url], ['Start?', '']);
    const { output, exitCode } = await restarted.ended;
    expect(exitCode, output).toBe(0);
    expect(output).toContain(`${BLOB} (to be started over)`);
    expect(isComplete()).toBe(true);
  });
});

describe('another destination for an image whose upload is not finished', () => {
  beforeEach(async () => {
    await stopUpload([image], containerSasUrl());
  });

  async function startOther(fate: string) {
    const { answer, ended } = start([image]);
    await answer(
      ['Your choice', '2'],
      ['Name of the blob', 'other.vhd'],
      ['SAS, or a URL with one', containerSasUrl()],
      ['What should happen to it', fate],
      ['Start?', ''],
    );
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(server.blob(CONTAINER, 'other.vhd').metadata.get('vhdup_state')).toBe('complete');
    return output;
  }

  it('can leave that upload as it is', async () => {
    expect(await startOther('')).toContain(`--checkpoint ${image}.2.vhdup.json`);
    const { until, type, ended } = start([image]);
    await until('1  resume the upload (');
    type('\u0003');
    await ended;
  });

  it('can give its progress up', async () => {
    expect(await startOther('give up')).toContain('--restart');
    expect(await everyFile(folder)).toEqual([image]);
  });
});

describe('a blob that exists', () => {
  beforeEach(() => {
    server.createPageBlob(CONTAINER, BLOB, MIB);
  });

  it('gets another name, unless the user wants to replace it', async () => {
    const { answer, ended } = start([image]);
    await answer(
      ['Your choice', BY_URL],
      [PASTE_URL, containerSasUrl()],
      ['Name of the blob', ''],
      ['What to do [1]', ''],
      ['Name of the blob', 'new.vhd'],
      ['Start?', 'n'],
    );
    const { output, exitCode } = await ended;
    expect(exitCode).toBe(130);
    expect(output).toContain('Nothing was uploaded.');
    expect(output).toContain('/new.vhd (new)');
  });

  it('is replaced', async () => {
    const { answer, ended } = start([image]);
    await answer(
      ['Your choice', BY_URL],
      [PASTE_URL, containerSasUrl()],
      ['Name of the blob', ''],
      ['What to do', 'replace'],
      ['--overwrite', ''],
    );
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(isComplete()).toBe(true);
  });
});

describe('credentials of the environment', () => {
  it('are used without a question, and create a container after one', async () => {
    const { account, key } = server;
    const connection = `AccountName=${account};AccountKey=${key};BlobEndpoint=${server.url}`;
    const { answer, ended } = start([image], { AZURE_STORAGE_CONNECTION_STRING: connection });
    await answer(
      ['Your choice', BY_URL],
      [PASTE_URL, 'new-container'],
      ['Name of the blob in new-container', ''],
      ['The container does not exist. Create it? [Y/n]', ''],
      ['Start?', ''],
    );
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(output).toContain('--create-container');
    expect(output).toContain('the account key in the environment');
    expect(output).not.toContain(key.slice(2, 20));
    expect(server.hasBlob('new-container', BLOB)).toBe(true);
  });
});

describe('several images', () => {
  it('go up one after the other, and a parent only as a part of its child', async () => {
    const { paths } = await buildChain('vhd');
    const [base, , child] = paths;
    const url = containerSasUrl();
    const { answer, until, ended } = start([child, base, image]);
    await until(`${basename(base)} is a parent of`);
    await answer(
      ['Your choice', BY_URL],
      [PASTE_URL, url],
      ['Name of the blob in vhds [child.vhd]', ''],
      [`1  beside the image before: ${server.url}/${CONTAINER}/child.vhd`, ''],
      ['Name of the blob in vhds [disk.vhd]', ''],
      ['Start?', ''],
    );
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    for (const name of ['child.vhd', 'disk.vhd']) {
      expect(server.blob(CONTAINER, name).metadata.get('vhdup_state')).toBe('complete');
    }
    expect(server.hasBlob(CONTAINER, basename(base))).toBe(false);
    expectHidden(url, output);
  });

  it('of a folder are a choice', async () => {
    await buildVhd(join(folder, 'other.vhd'), { type: 'dynamic', size: 24 * MIB, contents: [] });
    const { answer, until, type, ended } = start([folder]);
    await answer(['3  all 2', 'other']);
    await until('Your choice');
    type('\u0003');
    const { output } = await ended;
    expect(output).toContain(`${folder}/other.vhd\r\n  format`);
    expect(output).not.toContain(`${folder}/disk.vhd\r\n  format`);
  });

  it('leave the exit code of the one that failed', async () => {
    const other = join(folder, 'other.vhd');
    await buildVhd(other, { type: 'dynamic', size: 24 * MIB, contents: [] });
    const { answer, ended } = start([image, other]);
    await answer(
      ['Your choice', BY_URL],
      [PASTE_URL, containerSasUrl()],
      ['Name of the blob', ''],
      ['beside the image before', ''],
      ['Name of the blob', ''],
    );
    // Somebody is faster.
    server.createPageBlob(CONTAINER, BLOB, MIB);
    await answer(['Start?', '']);
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(6);
    expect(server.blob(CONTAINER, 'other.vhd').metadata.get('vhdup_state')).toBe('complete');
  });
});

describe('an image that Azure or nobody can use', () => {
  it('is refused as vhdup upload refuses it', async () => {
    const text = join(folder, 'text.vhd');
    await writeFile(text, 'This is no disk image.\n'.repeat(100));
    const { output, exitCode } = await start([text]).ended;
    expect(exitCode, output).toBe(3);
    expect(output).toContain('Cannot read');
    expect(output).not.toContain('Your choice');
  });

  it('is uploaded only after a question, if the check has failed', async () => {
    // The smallest disk that Azure accepts has 20 MiB.
    await buildVhd(image, { type: 'dynamic', size: 16 * MIB, contents: [] });
    const { answer, ended } = start([image]);
    await answer(['Upload it nevertheless? [y/N]', '']);
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(21);
    expect(output).toContain('FAIL');
    expect(output).toContain(`All of it, with reasons: vhdup check ${image}`);
    expect(output).toContain('Nothing was uploaded.');
  });

  it('gets the parent that it lacks', async () => {
    const { paths } = await buildChain('vhd');
    const [base, middle, child] = paths;
    const moved = join(folder, 'child.vhd');
    await rename(child, moved);
    const { answer, until, type, ended } = start([moved]);
    await answer(['Folder or file of the parent', dirname(middle)], ['Your choice', BY_URL]);
    await answer([PASTE_URL, containerSasUrl()], ['Name of the blob', '']);
    await until('Start?');
    type('\u0003');
    const { output } = await ended;
    expect(output).toContain(`--parent-path ${dirname(base)}`);
  });
});

describe('a managed disk', () => {
  let servers: ManagedDisks;
  beforeEach(async () => {
    servers = await startManagedDisks({
      resourceGroups: { migration: 'westeurope', other: 'eastus' },
      longRunning: { mode: 'at-once' },
    });
  });
  afterEach(() => servers.close());

  async function startSignedIn(...words: readonly string[]) {
    const environment = { ...servers.identity.environment, AZURE_CONFIG_DIR: await temporaryFolder() };
    return start([image, '--arm-endpoint', servers.armEndpoint, ...words], environment);
  }

  it('is created in a resource group that is chosen from a list, and the next one too', async () => {
    const first = await startSignedIn();
    await first.answer(
      ['Your choice', '1'],
      ['Resource group', 'migration'],
      ['Name of the disk [disk]', 'web.01'],
      ['Name of the disk [disk]', 'web01'],
      ['Region [westeurope]', ''],
      ['Kind of the disk [1]', 'Premium_LRS'],
      ['Start?', ''],
    );
    const { output, exitCode } = await first.ended;
    expect(exitCode, output).toBe(0);
    expect(servers.arm.resources.disk('web01')).toMatchObject({ state: 'Unattached' });
    expect(output).toContain('Subscription Test subscription');
    const place = `-g migration --subscription ${servers.subscription}`;
    expect(output).toContain(`--disk web01 ${place} --sku Premium_LRS --arm-endpoint ${servers.armEndpoint}`);
    expect(servers.violations).toEqual([]);
    for (const secret of servers.secrets) expect(output).not.toContain(secret);

    const second = await startSignedIn();
    await second.answer(
      ['1  a new managed disk in the resource group migration', ''],
      ['Name of the disk', 'web01'],
      ['Only a new disk accepts an upload.', 'web02'],
      ['Region', 'northeurope'],
    );
    await second.until('Kind of the disk');
    second.type('\u0003');
    expect((await second.ended).exitCode).toBe(130);
  });

  it('can be named by hand if nothing can be listed', async () => {
    servers.arm.denied.add('Microsoft.Resources/subscriptions/resourceGroups/read');
    const { answer, ended } = await startSignedIn('-l', 'westeurope');
    await answer(
      ['Your choice', '1'],
      ['Next [1]', 'type the names'],
      ['Id of the subscription', 'mine'],
      ['is a GUID', servers.subscription],
      ['Name of the resource group', 'migration'],
      ['Name of the disk', ''],
      ['Kind of the disk', ''],
      ['Start?', ''],
    );
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(servers.arm.resources.disk('disk')).toMatchObject({ state: 'Unattached' });
  });

  it('is asked for again after a sign-in that was missing', async () => {
    servers.identity.faults.add({ times: 1 }, { kind: 'error', status: 400, message: 'No identity.' });
    const { answer, until, type, ended } = await startSignedIn();
    await answer(['Your choice', '1'], ['try again, after a sign-in in another window', '']);
    await until('Resource group');
    type('\u0003');
    const { output } = await ended;
    expect(output).toContain('az login');
  });

  it('given by an option needs no question about the destination', async () => {
    const { answer, ended } = await startSignedIn(
      '--disk',
      'd',
      '-g',
      'migration',
      '--subscription',
      servers.subscription,
    );
    await answer(['Start?', '']);
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(output).not.toContain('Your choice');
  });

  it('is one choice, and a container of a storage account of the sign-in another', async () => {
    servers.arm.resources.createStorageAccount('acc', 'migration', 'westeurope', {
      blobEndpoint: `${server.url}/`,
      containers: [CONTAINER],
    });
    const url = containerSasUrl();
    const { answer, ended } = await startSignedIn();
    await answer(
      ['Your choice', '3'],
      ['Storage account [1]', ''],
      ['Container [1]', ''],
      ['Name of the blob in vhds', ''],
      // A server without encryption gets no token.
      ['SAS, or a URL with one', url],
      ['Start?', ''],
    );
    const { output, exitCode } = await ended;
    expect(exitCode, output).toBe(0);
    expect(isComplete()).toBe(true);
    expectHidden(url, output);
  });
});

describe('without a user', () => {
  it.each([
    ['a terminal', [], {}, 'the standard input is not one'],
    ['words', ['--quiet'], {}, '--quiet prints no questions'],
    ['hands', [], { CI: 'true' }, 'the variable CI says'],
    ['hands, by a variable', [], { VHDUP_QUIET: '1' }, '--quiet prints no questions'],
  ])('who has %s, nothing is asked', async (_, words, environment, reason) => {
    const { exitCode, stderr } = await runProgram([image, ...words], environment);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(reason);
    expect(stderr).toContain(`vhdup upload ${image} DESTINATION`);
  });

  it('a program gets the error as JSON', async () => {
    const { exitCode, stdout } = await runProgram([image, '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'USAGE', exitCode: 2 });
  });

  it('wrong options are reported before anything is asked', async () => {
    const { exitCode, output } = await start([image, '--thread', '8']).ended;
    expect(exitCode).toBe(2);
    expect(output).toContain('Did you mean --threads?');
    expect(output).not.toContain('Step 1');
  });

  it('a dry run needs no destination, and so no questions', async () => {
    const { exitCode, stdout } = await runProgram([image, '--dry-run']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Dry run');
  });
});
