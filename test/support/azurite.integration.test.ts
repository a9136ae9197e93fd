import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startAzurite } from './azurite.ts';
import { rawRequest } from './raw-request.ts';
import { serviceClient } from './storage-account.ts';

describe('startAzurite', () => {
  it.each([{ onDisk: false }, { onDisk: true }])(
    'serves blobs with %o, and nothing after it is closed',
    async (options) => {
      const azurite = await startAzurite(options);
      const url = azurite.sasUrl({ container: 'disks', blob: 'a.vhd', permissions: 'rcw' });
      try {
        await azurite.createContainer('disks');
        const blob = serviceClient(azurite).getContainerClient('disks').getPageBlobClient('a.vhd');
        await blob.create(1024);
        await blob.uploadPages(Buffer.alloc(512, 7), 512, 512);
        const response = await rawRequest(url, { method: 'GET' });
        expect(response.body.equals(Buffer.concat([Buffer.alloc(512), Buffer.alloc(512, 7)]))).toBe(true);
      } finally {
        await azurite.close();
      }
      await expect(rawRequest(url, { method: 'HEAD' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    },
  );

  it('ends if its parent is killed', async () => {
    const program = `
      const { startAzurite } = await import(${JSON.stringify(new URL('./azurite.ts', import.meta.url).href)});
      process.stdout.write((await startAzurite()).url + '\\n');`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [url] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    expect((await rawRequest(url, { method: 'HEAD' })).status).toBeGreaterThanOrEqual(400);
    parent.kill('SIGKILL');
    await expect
      .poll(() => rawRequest(url, { method: 'HEAD' }).catch((error: NodeJS.ErrnoException) => error.code), {
        timeout: 20_000,
      })
      .toBe('ECONNREFUSED');
  });
});
