// vhdup sas: the URL alone on stdout, usable for what the Marketplace does with it, and no secret anywhere else.
import { describe, expect, it } from 'vitest';
import { runHere } from '../../support/command-line.ts';
import { rawRequest, withQuery } from '../../support/raw-request.ts';
import { BLOB, CONTAINER, server, useServer } from '../../support/target-server.ts';

useServer();

function environment(): NodeJS.ProcessEnv {
  return { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
}

describe('vhdup sas --for marketplace', () => {
  it('prints the URL of a blob that can be read and not written with it', async () => {
    server.createPageBlob(CONTAINER, BLOB, 1024);
    const { exitCode, stdout, stderr } = await runHere(
      ['sas', server.urlOf(CONTAINER, BLOB), '--for', 'marketplace'],
      environment(),
    );
    expect(exitCode).toBe(0);
    const [url = '', ...rest] = stdout.split('\n');
    expect(rest).toEqual(['']);
    expect(url.startsWith(`${server.urlOf(CONTAINER, BLOB)}?`)).toBe(true);
    expect((await rawRequest(url, { method: 'GET' })).status).toBe(200);
    expect((await rawRequest(url, { method: 'DELETE' })).status).toBe(403);
    expect((await rawRequest(withQuery(url, 'comp=pagelist'), { method: 'GET' })).status).toBe(200);
    expect(stderr).toContain('contains a secret');
    expect(stderr).not.toContain(new URL(url).searchParams.get('sig'));
  });

  it('prints it as JSON, and also with --quiet', async () => {
    const args = ['sas', `${CONTAINER}/${BLOB}`, '--for', 'marketplace', '--expires-in', '21d'];
    const { stdout } = await runHere([...args, '--json'], environment());
    const lines = stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ type: 'result', url: expect.stringMatching(/&sig=(?!REDACTED)/) });
    const quiet = await runHere([...args, '--quiet'], environment());
    expect(quiet.stderr).toBe('');
    expect(quiet.stdout).toMatch(/^http.*&sig=(?!REDACTED).*\n$/);
  });

  it('makes the SAS of a container that only its name describes', async () => {
    const { stdout, stderr } = await runHere(['sas', CONTAINER, '--for', 'marketplace'], environment());
    expect(stdout.startsWith(`${server.urlOf(CONTAINER)}?sv=`)).toBe(true);
    expect(stderr).toContain('Insert the name of the VHD');
  });

  it.each([
    [
      'a SAS in the URL',
      () => [server.sasUrl({ container: CONTAINER, permissions: 'rl' })],
      8,
      'cannot be made from another SAS',
    ],
    ['a short time', () => [server.urlOf(CONTAINER), '--expires-in', '7d'], 2, 'at least three weeks'],
    [
      'a time that is none',
      () => [server.urlOf(CONTAINER), '--expires-in', 'soon'],
      2,
      '--expires-in must be a duration',
    ],
    ['a name without .vhd', () => [server.urlOf(CONTAINER, 'disk.img')], 2, 'does not end in .vhd'],
    ['no container', () => [server.url], 2, 'must name a container, or a container and a blob'],
  ])('fails with %s, and prints nothing on stdout', async (_, args, exitCode, message) => {
    const outcome = await runHere(['sas', ...args(), '--for', 'marketplace'], environment());
    expect(outcome).toMatchObject({ exitCode, stdout: '', stderr: expect.stringContaining(message) });
    expect(server.counters.requests).toBe(0);
  });

  it('says which variable is missing without a key', async () => {
    const url = 'https://account.blob.core.windows.net/vhds/disk.vhd';
    const { exitCode, stdout, stderr } = await runHere(['sas', url, '--for', 'marketplace']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 8, stdout: '' });
    expect(stderr).toMatch(/7 days at the latest.*AZURE_STORAGE_KEY.*az storage container generate-sas/s);
  });
});
