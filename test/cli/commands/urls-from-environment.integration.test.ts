// A URL that is in the environment instead of the command line.
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runHere } from '../../support/command-line.ts';
import { buildImage, expectBlobIs, SMALL_DISK } from '../../support/spread-disk.ts';
import { blobUrl, storedBlob, useServer } from '../../support/target-server.ts';

useServer();

describe('VHDUP_DESTINATION and VHDUP_SOURCE', () => {
  it('stand for the URL of upload, verify and download', async () => {
    const image = await buildImage(SMALL_DISK);
    const destination = { VHDUP_DESTINATION: blobUrl() };
    expect(await runHere(['upload', image], destination)).toMatchObject({ exitCode: 0 });
    expectBlobIs(SMALL_DISK, storedBlob());
    expect(await runHere(['verify', image], destination)).toMatchObject({ exitCode: 0 });
    const saved = join(dirname(image), 'saved.vhd');
    expect(await runHere(['download', saved], { VHDUP_SOURCE: blobUrl('r') })).toMatchObject({ exitCode: 0 });
  });

  it('give way to the command line, and to a disk', async () => {
    const image = await buildImage(SMALL_DISK);
    const wrong = { VHDUP_DESTINATION: 'https://', VHDUP_SOURCE: 'https://' };
    expect(await runHere(['upload', image, blobUrl()], wrong)).toMatchObject({ exitCode: 0 });
    expect((await runHere(['download', blobUrl(), join(dirname(image), 'b.vhd')], wrong)).exitCode).toBe(0);
    expect((await runHere(['download', 'https://x/y', join(dirname(image), 'c.vhd')], wrong)).exitCode).not.toBe(0);
    expect((await runHere(['upload', image, '--disk', 'd'], wrong)).stderr).not.toContain('https://');
    expect((await runHere(['upload', image], wrong)).exitCode).toBe(2);
  });

  it('are never shown', async () => {
    const image = await buildImage(SMALL_DISK);
    const url = blobUrl('r');
    const { exitCode, stdout, stderr } = await runHere(['upload', image, '--verbose'], { VHDUP_DESTINATION: url });
    expect(exitCode).toBe(8);
    expect(stdout + stderr).not.toContain(new URL(url).searchParams.get('sig')?.slice(0, 10));
  });

  it('that name a file to write as a URL are refused', async () => {
    expect((await runHere(['download', blobUrl()], { VHDUP_SOURCE: blobUrl() })).stderr).toContain(
      'The URL comes first',
    );
  });
});
