// The script for a real subscription, against the test servers: it must end, answer its questions, and leave nothing behind.
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from '../support/documents.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

let servers: ManagedDisks;
beforeEach(async () => {
  servers = await startManagedDisks();
});
afterEach(() => servers.close());

/** Programs in a folder of their own: the Azure CLI, as far as the script needs it, and vhdup. */
async function tools(): Promise<string> {
  const folder = join(await temporaryFolder(), 'bin');
  await mkdir(folder);
  const { token } = servers.issuer.issue('https://management.core.windows.net/');
  const az = `case "$*" in
    'account show --query id '*) echo '${servers.subscription}' ;;
    'account show --query name '*) echo 'Test subscription' ;;
    'cloud show --query name '*) echo AzureCloud ;;
    'cloud show --query endpoints.resourceManager '*) echo '${servers.armEndpoint}/' ;;
    'cloud show --query endpoints.activeDirectoryResourceId '*) echo 'https://management.core.windows.net/' ;;
    'account get-access-token '*) echo '${token}' ;;
    *) echo "az $*" >&2; exit 1 ;;
  esac`;
  const vhdup = `exec '${process.execPath}' '${join(ROOT, 'bin/vhdup.js')}' "$@"`;
  for (const [name, text] of Object.entries({ az, vhdup })) {
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}

async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: `${await tools()}:${process.env['PATH']}`,
    AZURE_CONFIG_DIR: await temporaryFolder(),
    ...servers.environment,
    ...{ VHDUP_TRY_GROUP: 'rg', VHDUP_TRY_SAS_SECONDS: '1', VHDUP_TRY_POLL_SECONDS: '0' },
  };
  return await new Promise((resolve) => {
    const child = execFile('bash', [join(ROOT, 'examples/try-on-azure.sh'), ...args], { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    );
    child.stdin?.end('n\n');
  });
}

it.skipIf(process.platform === 'win32')('asks before it creates anything', async () => {
  const { code, out, err } = await run([]);
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(err).toContain('Continue? [y/N] Error: nothing was created.');
  expect(servers.calls).toEqual([]);
});

it.skipIf(process.platform === 'win32')(
  'answers every question, without secrets, and deletes what it created',
  async () => {
    const { code, out, err } = await run(['--yes']);
    expect({ code, err }).toMatchObject({ code: 0 });
    const answers = new Map(out.split('\n').map((line) => [line.slice(0, 62).trimEnd(), line.slice(63)] as const));
    expect(Object.fromEntries(answers)).toMatchObject({
      'create a disk for upload': '202, then Succeeded',
      'state before the first grant': 'ReadyToUpload',
      'parameters of the SAS': 'sv sr si sig',
      properties: `200, length 20972032, type PageBlob`,
      'page list of a new disk': '200, 0 ranges',
      'last 512 bytes of a new disk': '206, zeros',
      'write with the right CRC64': '201',
      'write with a wrong CRC64': '400 Crc64Mismatch',
      'write with the right MD5': '201',
      'write with a wrong MD5': '400 Md5Mismatch',
      'write with If-Match and a wrong ETag': '400 ConditionHeadersNotSupported',
      'second SAS': 'another one, URL without SAS the same',
      'change tags during the upload': '202, then Succeeded',
      'end the access without a footer': '202, then Failed InvalidVhd',
      'delete a disk in ActiveUpload': '409 OperationNotAllowed, state ActiveUpload',
      'state after the SAS has expired': 'ActiveUpload',
      'vhdup upload --disk': 'exit code 0, state Unattached',
      'vhdup image create --dry-run': 'exit code 0',
      'ETag, Last-Modified, sequence number': 'yes, yes, no',
      'vhdup disk abort of the disk whose SAS has expired': 'exit code 0, state ',
    });
    expect(servers.secrets.filter((secret) => `${out}${err}`.includes(secret))).toEqual([]);
    expect(out).not.toContain(servers.subscription);
    const left = [...servers.arm.resources.state.disks.values()].map(({ name }) => name);
    expect(left).toEqual([]);
  },
);
