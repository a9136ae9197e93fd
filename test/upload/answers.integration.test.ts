// Whole uploads to a service that answers in unusual ways.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import type { AnswerFault } from '../support/page-blob-server/faults.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { buildVhd, diskOf, patternOf } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const SIZE = 24 * MIB;
const CONTENTS = [
  { offset: 0, bytes: patternOf(1, 6 * MIB) },
  { offset: 9 * MIB, bytes: patternOf(2, 3 * MIB + 512) },
  { offset: 20 * MIB, bytes: patternOf(3, 1024) },
];
const TOO_LARGE: AnswerFault = {
  kind: 'answer',
  status: 413,
  isForeign: true,
  headers: { 'content-type': 'text/html', server: 'nginx' },
  body: '<html><head><title>413 Request Entity Too Large</title></head></html>',
};

let server: PageBlobServer;

beforeEach(async () => {
  server = await startPageBlobServer();
});

afterEach(() => server.close());

async function upload(options: { destination?: string; createContainer?: boolean; checksum?: 'md5' } = {}) {
  const image = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(image, { type: 'dynamic', size: SIZE, contents: CONTENTS });
  const events: UploadEvent[] = [];
  const destination = server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' });
  const onEvent = (event: UploadEvent) => void events.push(event);
  const delays = { retryDelayMs: 1, maxRetryDelayMs: 5 };
  const result = await uploadImage({ image, destination, onEvent, ...delays, ...options });
  return { result, events };
}

function expectUploaded(): void {
  const blob = server.blob('vhds', 'disk.vhd');
  expectSameBytes(blob.read(0, SIZE), diskOf(SIZE, CONTENTS));
  expect(blob.metadata.get('vhdup_state')).toBe('complete');
}

const pageWrites = () => server.log.filter(({ operation }) => operation === 'PutPage');

describe('a gateway that refuses requests above 1 MiB', () => {
  it.each([
    ['says so after it has read it', { isEarly: false }, 'crc64'],
    ['says so after it has read it', { isEarly: false }, 'md5'],
    ['says so at once', { isEarly: true }, 'crc64'],
  ])('%s (%o, %s): smaller requests bring everything there', async (_, when, checksum) => {
    server.createContainer('vhds');
    server.faults.add({ operation: 'PutPage', largerThan: MIB }, { ...TOO_LARGE, ...when });
    const { events } = await upload(checksum === 'md5' ? { checksum } : {});
    expectUploaded();
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
    server.createContainer('vhds');
    server.faults.add({ operation: 'PutPage', largerThan: MIB }, TOO_LARGE);
    await upload();
    expect(pageWrites().filter(({ status }) => status === 413).length).toBeLessThanOrEqual(8);
  });

  it('ends the upload with an explanation if it refuses even small requests', async () => {
    server.createContainer('vhds');
    server.faults.add({ operation: 'PutPage' }, TOO_LARGE);
    const failure = await failureOf(upload());
    expect(failure).toMatchObject({ exitCode: 9 });
    expect(failure.message).toMatch(
      /status 413, text\/html.*refuses even requests of \d+ bytes\. .*client_max_body_size/,
    );
    expect(pageWrites().length).toBeLessThan(60);
  });
});

describe('--create-container', () => {
  it('uses a container that exists', async () => {
    server.createContainer('vhds');
    const destination = `${server.urlOf('vhds', 'disk.vhd')}?${server.accountSas('rwc')}`;
    await upload({ destination, createContainer: true });
    expectUploaded();
    expect(server.log.filter(({ operation }) => operation === 'CreateContainer')).toHaveLength(1);
  });

  it('waits for a container that is being deleted', async () => {
    server.faults.add(
      { operation: 'CreateContainer', times: 3 },
      { kind: 'status', status: 409, code: 'ContainerBeingDeleted' },
    );
    const destination = `${server.urlOf('vhds', 'disk.vhd')}?${server.accountSas('rwc')}`;
    await upload({ destination, createContainer: true });
    expectUploaded();
  });

  it('uses the container of a SAS that could not create it', async () => {
    server.createContainer('vhds');
    await upload({ createContainer: true });
    expectUploaded();
  });

  it('says what is missing if there is no container and the SAS cannot create it', async () => {
    const failure = await failureOf(upload({ createContainer: true }));
    expect(failure).toMatchObject({ exitCode: 8 });
    expect(failure.message).toMatch(
      /^The container of .* does not exist and cannot be created. A SAS for a container or blob/,
    );
  });

  it('uses an existing container if a policy forbids to create it', async () => {
    server.createContainer('vhds');
    const fault = { kind: 'status', status: 403, code: 'AuthorizationFailure' } as const;
    server.faults.add({ operation: 'CreateContainer' }, fault);
    const destination = `${server.urlOf('vhds', 'disk.vhd')}?${server.accountSas('rwc')}`;
    await upload({ destination, createContainer: true });
    expectUploaded();
  });
});

describe('Put Page', () => {
  it('succeeds with status 200 instead of 201', async () => {
    server.createContainer('vhds');
    server.faults.add({ operation: 'PutPage' }, { kind: 'answer', status: 200, isDone: true });
    const { result } = await upload();
    expectUploaded();
    expect(result.retries).toBe(0);
  });
});
