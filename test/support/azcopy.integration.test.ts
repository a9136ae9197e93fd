import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { azcopyDownload, azcopyUpload, findAzcopy } from './azcopy.ts';
import { type Azurite, startAzurite } from './azurite.ts';
import { type PageBlobServer, startPageBlobServer } from './page-blob-server/server.ts';

const MIB = 1024 * 1024;

describe('AzCopy', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vhdup-azcopy-test-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it.for<[string, () => Promise<PageBlobServer | Azurite>]>([
    ['the strict test server', () => startPageBlobServer()],
    ['Azurite', () => startAzurite()],
  ])('uploads to %s and downloads from it', async ([, start], ctx) => {
    const azcopy = await findAzcopy();
    if (azcopy.path === undefined) ctx.skip(azcopy.reason);
    const service = await start();
    try {
      await service.createContainer('disks');
      const image = Buffer.concat([randomBytes(5 * MIB), Buffer.alloc(8 * MIB), randomBytes(MIB)]);
      const [sent, received] = [join(folder, 'sent.vhd'), join(folder, 'received.vhd')];
      await writeFile(sent, image);
      const url = service.sasUrl({ container: 'disks', blob: 'a folder/b.vhd', permissions: 'rcw' });
      expect(await azcopyUpload(sent, url)).toMatchObject({ exitCode: 0 });
      expect(await azcopyDownload(url, received)).toMatchObject({ exitCode: 0 });
      expect((await readFile(received)).equals(image)).toBe(true);
    } finally {
      await service.close();
    }
  });

  it('fails with an exit code if the service refuses', async (ctx) => {
    const azcopy = await findAzcopy();
    if (azcopy.path === undefined) ctx.skip(azcopy.reason);
    const server = await startPageBlobServer();
    try {
      server.createContainer('disks');
      const url = server.sasUrl({ container: 'disks', blob: 'absent.vhd', permissions: 'r' });
      expect((await azcopyDownload(url, join(folder, 'absent.vhd'))).exitCode).not.toBe(0);
    } finally {
      await server.close();
    }
  });
});
