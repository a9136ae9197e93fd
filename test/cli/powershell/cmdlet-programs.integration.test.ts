// add-azurevhd and add-azvhd as programs: the line of Azure's guide, their output, and uploads to managed disks.
import { writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { signedIn } from '../../support/arm-options.ts';
import { ROOT, runHere, runProgram } from '../../support/command-line.ts';
import { startForwardingProxy } from '../../support/forwarding-proxy.ts';
import { startManagedDisks } from '../../support/managed-disks.ts';
import { hasScript, NO_SCRIPT, runOnTerminal } from '../../support/pseudo-terminal.ts';
import { buildImage, expectBlobIs, SMALL_DISK } from '../../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, restartServer, server, storedBlob, useServer } from '../../support/target-server.ts';

/** Just large enough that no rule warns about it. */
const DISK = { ...SMALL_DISK, size: 20 * 1024 * 1024 };

useServer();

describe("the line of Azure's guide", () => {
  const HOST = 'mystorage.blob.core.chinacloudapi.cn';

  const LINE = String.raw`Add-AzureVhd -NumberOfUploaderThreads 5 -Destination https://mystorage.blob.core.chinacloudapi.cn/mycontainer/myvhd.vhd -LocalFilePath D:\Mydir\Hyper-V\myvhds\myvhd.vhd`;
  const FILE = String.raw`D:\Mydir\Hyper-V\myvhds\myvhd.vhd`;

  // Where a backslash is an ordinary character, the file can have this name.
  it.runIf(sep === '/')('works word for word, in the China cloud', async () => {
    await restartServer({ tls: true, account: 'mystorage', hostNames: [HOST] });
    const proxy = await startForwardingProxy({ routes: { [HOST]: server.port } });
    onTestFinished(() => proxy.close());
    const path = await buildImage(DISK, { name: FILE });
    const authority = join(dirname(path), 'ca.pem');
    await writeFile(authority, server.caCertificate ?? '');
    const [, ...words] = LINE.split(' ');
    const environment = { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: authority, AZURE_STORAGE_KEY: server.key };
    const { exitCode, stdout, stderr } = await runProgram(words, environment, 'add-azurevhd', dirname(path));
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toBe(`\nLocalFilePath  : ${path}\nDestinationUri : https://${HOST}/mycontainer/myvhd.vhd\n\n`);
    const blob = server.blob('mycontainer', 'myvhd.vhd');
    expectBlobIs(DISK, blob);
    expect(blob.contentMd5).toMatch(/^.{22}==$/);
    expect(proxy.counters.tunnels).toBeGreaterThan(0);
  });
});

describe('the output', () => {
  it('is one object in ASCII with --json, and never contains the SAS', async () => {
    const path = await buildImage(DISK, { name: '\u78c1\u76d8 \u{1f4be}.vhd' });
    const { exitCode, stdout, stderr } = await runHere(['add-azurevhd', blobUrl(), path, '--json']);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(stdout)).toEqual({ LocalFilePath: path, DestinationUri: server.urlOf(CONTAINER, BLOB) });
  });

  it('is empty if the upload fails, and the error has no JSON', async () => {
    const path = await buildImage(DISK);
    await runHere(['add-azurevhd', blobUrl(), path]);
    const { exitCode, stdout, stderr } = await runHere(['add-azurevhd', blobUrl(), path, '--json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: '' });
    expect(stderr).toMatch(/^Error: /m);
  });

  it('is the plan with -WhatIf, and nothing is written', async () => {
    const path = await buildImage(DISK);
    const { exitCode, stdout } = await runHere(['add-azurevhd', blobUrl(), path, '-WhatIf']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Dry run: nothing was written.');
    expect(server.log).toEqual([]);
    const json = await runHere(['add-azurevhd', blobUrl(), path, '-WhatIf', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ requests: 2 });
  });

  it('is nothing with --quiet', async () => {
    const { exitCode, stdout, stderr } = await runHere(['add-azurevhd', blobUrl(), await buildImage(DISK), '--quiet']);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expectBlobIs(DISK, storedBlob());
  });
});

describe('-Confirm', () => {
  it('asks on a terminal, and writes nothing without a yes', async (context) => {
    if (!hasScript) context.skip(NO_SCRIPT);
    const url = blobUrl();
    const program = [join(ROOT, 'bin/add-azurevhd.js'), '-dst', url, '-lf', await buildImage(DISK), '-Confirm'];
    const { output, exitCode } = runOnTerminal(process.execPath, program, {});
    expect(exitCode, output).toBe(0);
    expect(output).toContain(`add-azurevhd -dst ${url.replace(/\?.*/, '')} -lf`);
    expect(output).toContain('[y/N]');
    expect(output).toContain('Nothing was written.');
    expect(server.log).toEqual([]);
  });
});

describe('add-azvhd', () => {
  it('uploads to a blob', async () => {
    const path = await buildImage(DISK);
    const { exitCode, stdout, stderr } = await runHere(['add-azvhd', 'rg', blobUrl(), path]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain(`DestinationUri : ${server.urlOf(CONTAINER, BLOB)}\n`);
    expectBlobIs(DISK, storedBlob());
  });

  it('uploads to a managed disk, and prints its address', async () => {
    const servers = await startManagedDisks();
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      await servers.close();
    });
    const environment = await signedIn(servers);
    const path = await buildImage(DISK);
    const words = ['-ResourceGroupName', 'rg', '-Location', 'westeurope', '-DiskName', 'web01', '-LocalFilePath', path];
    const more = ['-DiskOsType', 'Windows', '-DiskHyperVGeneration', 'V2', '-DiskSku', 'Premium_LRS', '-Zone', '1'];
    const endpoint = ['--arm-endpoint', servers.armEndpoint];
    const { exitCode, stdout, stderr } = await runHere(['add-azvhd', ...words, ...more, ...endpoint], environment);
    expect(exitCode, stderr).toBe(0);
    const disk = servers.arm.resources.disk('web01');
    expect(disk.state).toBe('Unattached');
    expect(stdout).toMatch(/\nDestinationUri : http:\/\/127.0.0.1:\d+\/subscriptions\/.*\/disks\/web01\n/);
    for (const secret of servers.secrets) expect(stdout + stderr).not.toContain(secret);
    expect(servers.violations).toEqual([]);
  });
});
