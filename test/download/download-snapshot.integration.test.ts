// Downloads of a snapshot or a version of a blob, which stay as they are whatever happens to the blob.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobSASPermissions, generateBlobSASQueryParameters, StorageSharedKeyCredential } from '@azure/storage-blob';
import { beforeEach, describe, expect, it } from 'vitest';
import { downloadImage } from '../../src/download/download.ts';
import type { UploadEvent } from '../../src/events.ts';
import { listUnfinished } from '../../src/manage/list-unfinished.ts';
import type { DownloadOptions } from '../../src/options.ts';
import { runHere } from '../support/command-line.ts';
import { diskBytes, FOOTER, SIZE, storeDisk, writeTo } from '../support/downloads.ts';
import { BLOB, blobUrl, CONTAINER, server, storedBlob, useServer } from '../support/target-server.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const FAST = { threads: 1, retryDelayMs: 1, maxRetryDelayMs: 5 } as const;

useServer();

let output: string;
let snapshot: string;

beforeEach(async () => {
  output = join(await temporaryFolder(), 'disk.vhd');
  snapshot = storeDisk().addSnapshot(server.now());
  overwrite();
});

/** Changes the blob, not its snapshots. */
function overwrite(): void {
  const blob = storedBlob();
  writeTo(blob, 0, patternOf(77, 4 * MIB));
  blob.clearPages({ offset: 8 * MIB, length: 8 * MIB });
  server.touch(blob);
}

function urlOf(query: string, base = blobUrl('r')): string {
  return base.replace('?', `?${query}&`);
}

function download(more: Partial<DownloadOptions> = {}) {
  return downloadImage({ source: urlOf(`snapshot=${snapshot}`), output, ...FAST, ...more });
}

async function expectOldDisk(): Promise<void> {
  const bytes = await readFile(output);
  expectSameBytes(bytes.subarray(0, SIZE), diskBytes());
  expectSameBytes(bytes.subarray(SIZE), FOOTER);
}

async function stopped(options: Partial<DownloadOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('stopped by the test');
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.done >= 4 * MIB) stop.abort(reason);
  };
  expect(await failureOf(download({ ...options, signal: stop.signal, onEvent }))).toBe(reason);
}

describe('a snapshot', () => {
  it('is downloaded as it was: every request names it', async () => {
    const result = await download();
    expect(result).toMatchObject({
      url: `${server.urlOf(CONTAINER, BLOB)}?snapshot=${snapshot}`,
      verified: ['unchanged', 'checksums'],
    });
    expect(server.log.map(({ query }) => query.get('snapshot'))).toEqual(server.log.map(() => snapshot));
    expect(server.log.map(({ operation }) => operation)).toEqual(
      expect.arrayContaining(['GetBlobProperties', 'GetPageRanges', 'GetBlob']),
    );
    await expectOldDisk();
  });

  it('resumes although the blob was written to meanwhile, and is named by the checkpoint', async () => {
    await stopped();
    expect(await readFile(`${output}.vhdup.json`, 'utf8')).toContain(`${BLOB}?snapshot=${snapshot}"`);
    const { unfinished } = await listUnfinished({ folder: join(output, '..') });
    expect(unfinished[0]?.resume).toContain(`"${server.urlOf(CONTAINER, BLOB)}?snapshot=${snapshot}"`);
    overwrite();
    expect(await download()).toMatchObject({ receivedBefore: expect.toSatisfy((bytes) => bytes > 0) });
    await expectOldDisk();
  });

  it('is not mixed with another snapshot, nor with the blob', async () => {
    await stopped();
    const other = storedBlob().addSnapshot(server.now());
    for (const source of [urlOf(`snapshot=${other}`), blobUrl('r')]) {
      const failure = await failureOf(download({ source }));
      expect(failure).toMatchObject({ exitCode: 7 });
      expect(failure.message).toContain(`it is of ${server.urlOf(CONTAINER, BLOB)}?snapshot=${snapshot}`);
    }
  });

  it('that does not exist is named in the message', async () => {
    const failure = await failureOf(download({ source: urlOf('snapshot=2020-01-01T00:00:00.0000000Z') }));
    expect(failure).toMatchObject({ exitCode: 6 });
    expect(failure.message).toContain('disk.vhd?snapshot=2020-01-01T00:00:00.0000000Z: it does not exist');
  });

  it('can have a SAS of its own (sr=bs), which is not for the blob', async () => {
    const sas = generateBlobSASQueryParameters(
      {
        ...{ containerName: CONTAINER, blobName: BLOB, snapshotTime: snapshot },
        permissions: BlobSASPermissions.parse('r'),
        expiresOn: new Date(Date.now() + 3_600_000),
      },
      new StorageSharedKeyCredential(server.account, server.key),
    );
    const url = server.urlOf(CONTAINER, BLOB);
    await download({ source: `${url}?snapshot=${snapshot}&${sas}` });
    await expectOldDisk();
    const failure = await failureOf(download({ source: `${url}?${sas}`, output: `${output}2` }));
    expect(failure.message).toContain('a snapshot of a blob, which is read-only');
  });

  it('is no destination of an upload', async () => {
    const { exitCode, stderr } = await runHere(['upload', output, urlOf(`snapshot=${snapshot}`, blobUrl('rw'))]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('The destination is a snapshot of a blob, which is read-only.');
  });

  it('is read with an account key too', async () => {
    const environment = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString };
    const { exitCode, stderr } = await runHere(
      ['download', `${CONTAINER}/${BLOB}?snapshot=${snapshot}`, output],
      environment,
    );
    expect(exitCode, stderr).toBe(0);
    await expectOldDisk();
  });
});

describe('a version', () => {
  it('is downloaded as it was', async () => {
    const id = '2026-01-02T03:04:05.6789012Z';
    const frozen = storedBlob().snapshots.get(snapshot);
    if (frozen === undefined) throw new Error('There is no snapshot.');
    storedBlob().versions.set(id, frozen);
    await download({ source: urlOf(`versionid=${id}`) });
    expect(server.log.every(({ query }) => query.get('versionid') === id)).toBe(true);
    await expectOldDisk();
  });
});
