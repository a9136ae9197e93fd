// Whole uploads to a service that answers in unusual ways.
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import type { AnswerFault } from '../support/page-blob-server/faults.ts';
import { buildImage, expectBlobIs, SMALL_DISK, type TestDisk } from '../support/spread-disk.ts';
import { blobUrl, isComplete, requestsOf, server, storedBlob, useServer } from '../support/target-server.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
/** Its requests are long. */
const DENSE_DISK: TestDisk = {
  size: 12 * MIB,
  contents: [
    { offset: 0, bytes: patternOf(1, 3 * MIB + 512) },
    { offset: 8 * MIB, bytes: patternOf(2, 2 * MIB) },
  ],
};
const TOO_LARGE: AnswerFault = {
  kind: 'answer',
  status: 413,
  isForeign: true,
  headers: { 'content-type': 'text/html', server: 'nginx' },
  body: '<html><head><title>413 Request Entity Too Large</title></head></html>',
};

useServer();

async function upload(options: { disk?: TestDisk; destination?: string; checksum?: 'md5' } = {}) {
  const { disk = SMALL_DISK, ...more } = options;
  const image = await buildImage(disk);
  const events: UploadEvent[] = [];
  const onEvent = (event: UploadEvent) => void events.push(event);
  const usual = { destination: blobUrl(), threads: 4, retryDelayMs: 1, maxRetryDelayMs: 5 };
  const result = await uploadImage({ image, onEvent, ...usual, ...more });
  return { result, events };
}

function expectUploaded(disk = SMALL_DISK): void {
  expectBlobIs(disk, storedBlob());
  expect(isComplete()).toBe(true);
}

const pageWrites = () => requestsOf('PutPage');

describe('a gateway that refuses requests above 1 MiB', () => {
  it.each([
    ['says so after it has read it', { isEarly: false }, 'crc64'],
    ['says so after it has read it', { isEarly: false }, 'md5'],
    ['says so at once', { isEarly: true }, 'crc64'],
  ])('%s (%o, %s): smaller requests bring everything there', async (_, when, checksum) => {
    server.faults.add({ operation: 'PutPage', largerThan: MIB }, { ...TOO_LARGE, ...when });
    const { events } = await upload({ disk: DENSE_DISK, ...(checksum === 'md5' && { checksum }) });
    expectUploaded(DENSE_DISK);
    const done = pageWrites().filter(({ committed }) => committed);
    const header = checksum === 'md5' ? 'content-md5' : 'x-ms-content-crc64';
    for (const { bodyBytes, headers } of done) {
      expect(bodyBytes).toBeLessThanOrEqual(MIB);
      expect(headers.has(header)).toBe(true);
    }
    const warnings = events.filter((event) => event.type === 'warning' && event.code === 'smaller-requests');
    expect(warnings.at(-1)).toMatchObject({ message: expect.stringContaining('at most 1 MiB') });
  });

  it('is remembered for the whole upload: only the first requests are refused', async () => {
    server.faults.add({ operation: 'PutPage', largerThan: MIB }, TOO_LARGE);
    await upload({ disk: DENSE_DISK });
    expect(pageWrites().filter(({ status }) => status === 413).length).toBeLessThanOrEqual(8);
  });

  it('ends the upload with an explanation if it refuses even small requests', async () => {
    server.faults.add({ operation: 'PutPage' }, TOO_LARGE);
    const failure = await failureOf(upload({ disk: DENSE_DISK }));
    expect(failure).toMatchObject({ exitCode: 9 });
    expect(failure.message).toMatch(
      /status 413, text\/html.*refuses even requests of \d+ bytes\. .*client_max_body_size/,
    );
    expect(pageWrites().length).toBeLessThan(60);
  });
});

describe('Put Page', () => {
  it('succeeds with status 200 instead of 201', async () => {
    server.faults.add({ operation: 'PutPage' }, { kind: 'answer', status: 200, isDone: true });
    const { result } = await upload();
    expectUploaded();
    expect(result.retries).toBe(0);
  });
});
