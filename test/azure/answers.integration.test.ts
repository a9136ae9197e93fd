// Runs each operation with each status of the answer table against the strict server.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseDestination } from '../../src/azure/destination.ts';
import { ALL_OPERATIONS, type Operation } from '../../src/azure/operations.ts';
import { connectPageBlob } from '../../src/azure/page-blob.ts';
import { VhdupError } from '../../src/errors.ts';
import type { PageBlob } from '../../src/target/page-blob.ts';
import { pageChecksum } from '../../src/transfer/checksum.ts';
import { Retrier } from '../../src/transfer/retry.ts';
import type { AnswerFault } from '../support/page-blob-server/faults.ts';
import type { Operation as ServedOperation } from '../support/page-blob-server/request.ts';
import { type PageBlobServer, startPageBlobServer } from '../support/page-blob-server/server.ts';
import { patternOf } from '../support/vhd-builder.ts';

const MIB = 1024 * 1024;
const SIZE = 4096;
const LEASE = '11111111-2222-3333-4444-555555555555';
const OTHER_LEASE = '11111111-2222-3333-4444-666666666666';
const PAGE = patternOf(1, 512);
const CHECKSUM = pageChecksum('crc64', PAGE);
const READ = { offset: 512, length: 1024 };

/** One attempt of each operation, on the blob "disk.vhd" of the container "vhds". */
const CALLS: Partial<Record<Operation, (blob: PageBlob, signal: AbortSignal) => Promise<unknown>>> = {
  'Create Container': (blob, signal) => blob.createContainer('none', signal),
  'Get Container Properties': (blob, signal) => blob.containerAccess(signal),
  'Get Blob Properties': (blob, signal) => blob.properties(signal),
  'Put Blob': async (blob, signal) => {
    const replaces = server.blob('vhds', 'disk.vhd').etag;
    await blob.create({ size: SIZE, sequenceNumber: 0, metadata: {}, replaces }, signal);
  },
  'Copy Blob': async (blob, signal) => {
    const source = server.createPageBlob('vhds', 'source.vhd', SIZE);
    const replaces = server.blob('vhds', 'disk.vhd').etag;
    const url = `${server.urlOf('vhds', 'source.vhd')}?${server.accountSas('r')}`;
    await blob.copyFrom({ source: url, sourceEtag: source.etag, metadata: {}, replaces }, signal);
  },
  'Put Page': (blob, signal) =>
    blob.write({ range: { offset: 0, length: 512 }, bytes: PAGE, checksum: CHECKSUM }, signal),
  'Get Page Ranges': (blob, signal) => blob.pageRanges(undefined, signal),
  'Get Blob': (blob, signal) =>
    blob.read(READ, new Uint8Array(1024), { etag: server.blob('vhds', 'disk.vhd').etag, checksum: 'crc64' }, signal),
  'Set Blob Metadata': (blob, signal) => blob.setMetadata({ a: 'b' }, signal),
  'Set Blob Properties': (blob, signal) => blob.setContentMd5(new Uint8Array(16), signal),
  'Acquire Lease': (blob, signal) => blob.leases.acquire(LEASE, signal),
  'Renew Lease': (blob, signal) => blob.leases.renew(LEASE, signal),
  'Change Lease': (blob, signal) => blob.leases.change(LEASE, OTHER_LEASE, signal),
  'Release Lease': (blob, signal) => blob.leases.release(LEASE, signal),
  'Break Lease': (blob, signal) => blob.leases.break(signal),
};
const OPERATIONS = ALL_OPERATIONS.filter((operation) => CALLS[operation] !== undefined);
const ON_LEASES = new Set<Operation>(['Renew Lease', 'Change Lease', 'Release Lease', 'Break Lease']);

let server: PageBlobServer;
let blob: PageBlob;
let retrier: Retrier;

beforeAll(async () => {
  server = await startPageBlobServer();
});

afterAll(() => server.close());

beforeEach(async () => {
  server.createPageBlob('vhds', 'disk.vhd', SIZE);
  server.log.length = 0;
  const { address } = parseDestination(server.urlOf('vhds', 'disk.vhd'));
  const sas = server.accountSas('rwdlacup');
  blob = await connectPageBlob(address, { kind: 'sas', sas }, { userAgent: 'test' });
  retrier = new Retrier({ retryDelayMs: 0, maxRetryDelayMs: 0 }, () => vi.advanceTimersByTime(30_000));
  vi.useFakeTimers({ toFake: ['performance'] });
  // The service has answered before.
  await retrier.run('Get Blob Properties', new AbortController().signal, (signal) => blob.properties(signal));
});

afterEach(() => {
  vi.useRealTimers();
  server.faults.clear();
  blob.close();
});

const served = (operation: Operation) => operation.replaceAll(' ', '') as ServedOperation;

interface Ending {
  readonly tries: number;
  /** 0 after success. */
  readonly exitCode: number;
  readonly message: string;
}

/** The outcome of an operation, with retries, when all answers are wrong. */
async function endOf(
  operation: Operation,
  fault: Omit<AnswerFault, 'kind'>,
  times = Number.POSITIVE_INFINITY,
): Promise<Ending> {
  const call = CALLS[operation];
  if (call === undefined) throw new Error(`No call for ${operation}.`);
  if (ON_LEASES.has(operation)) await blob.leases.acquire(LEASE, new AbortController().signal);
  server.faults.clear();
  server.faults.add({ operation: served(operation), times }, { kind: 'answer', ...fault });
  const before = server.counters.requests;
  const ended = await retrier
    .run(operation, new AbortController().signal, (signal) => call(blob, signal))
    .then(
      () => ({ exitCode: 0, message: '' }),
      (error: unknown) => {
        if (!(error instanceof VhdupError)) throw error;
        return { exitCode: error.exitCode, message: error.message };
      },
    );
  server.faults.clear();
  server.createPageBlob('vhds', 'disk.vhd', SIZE);
  return { tries: server.counters.requests - before, ...ended };
}

describe.each(OPERATIONS)('%s', (operation) => {
  it('fails at once after a permanent error of the service', async () => {
    const statuses = [300, 301, 302, 303, 307, 308, 400, 405, 410, 411, 413, 414, 415, 416, 431, 501, 505, 507];
    for (const status of statuses) {
      const headers = { location: `${server.url}/elsewhere` };
      const ended = await endOf(operation, { status, code: 'SomeCode', headers });
      expect(ended, `${operation} ${status}`).toMatchObject({ tries: 1, exitCode: 9 });
      expect(ended.message).toMatch(new RegExp(`${operation}.* failed: ${status} SomeCode.*request id`));
    }
    for (const status of [401, 403]) {
      expect(await endOf(operation, { status, code: 'SomeCode' })).toMatchObject({ tries: 1, exitCode: 8 });
    }
    for (const status of [404, 409, 412]) {
      expect(await endOf(operation, { status, code: 'SomeCode' })).toMatchObject({ tries: 1, exitCode: 6 });
    }
    expect(await endOf(operation, { status: 500, code: 'FeatureNotSupported' })).toMatchObject({
      tries: 1,
      exitCode: 9,
    });
  });

  it('retries transient errors', async () => {
    for (const status of [408, 429, 500, 502, 503, 504]) {
      for (const isForeign of [false, true]) {
        // More than any limit, once.
        const times = status === 500 ? 21 : 1;
        const ended = await endOf(operation, { status, isForeign, body: 'x' }, times);
        expect(ended, `${operation} ${status}`).toEqual({ tries: times + 1, exitCode: 0, message: '' });
      }
    }
  });

  it('gives up soon on permanent errors that do not come from the service', async () => {
    const tries = { 200: 20, 302: 10, 403: 10, 407: 5, 501: 10 };
    const more = operation === 'Put Page' ? { 308: 10, 401: 10, 404: 10, 413: 1, 431: 10, 511: 20 } : { 413: 10 };
    for (const [status, expected] of Object.entries({ ...tries, ...more })) {
      const html = { 'content-type': 'text/html', location: `${server.url}/elsewhere` };
      const fault = { status: Number(status), isForeign: true, body: '<html>No.</html>', headers: html };
      const ended = await endOf(operation, fault);
      expect(ended, `${operation} ${status}`).toMatchObject({ tries: expected, exitCode: 9 });
      expect(ended.message).toContain(`status ${status}, text/html`);
      expect(ended.message).toContain('did not come from Azure Storage');
    }
  });

  it('accepts an unexpected 2xx status if the headers prove success', async () => {
    for (const status of [200, 201, 202, 203, 206]) {
      // The container exists: creating it would fail.
      const fault = operation === 'Create Container' ? { headers: { etag: '"1"' } } : { isDone: true };
      expect(await endOf(operation, { status, ...fault }), String(status)).toMatchObject({ tries: 1, exitCode: 0 });
    }
  });

  it('rejects an unexpected 2xx status without these headers', async () => {
    const ended = await endOf(operation, { status: 207 }, 3);
    expect(ended.tries).toBeGreaterThan(1);
    expect(ended.tries).toBeLessThanOrEqual(11);
  });

  it.each([400, 200])('does not hang on an endless body with status %i', async (status) => {
    const { bytesSent } = server.counters;
    const body = function* () {
      for (;;) yield Buffer.alloc(64 * 1024, '<a>');
    };
    const ended = await endOf(operation, { status, body, headers: { 'x-ms-error-code': 'SomeCode' } });
    expect(ended.tries).toBeLessThanOrEqual(10);
    // The sockets buffer more than what is read.
    expect(server.counters.bytesSent - bytesSent).toBeLessThan(ended.tries * 32 * MIB);
  });

  it('escapes unprintable characters in foreign texts', async () => {
    const sequence = '\u001b[31m\u009b\u202e';
    const body = `<?xml version="1.0"?><Error><Code>${sequence}</Code><Message>${sequence}</Message></Error>`;
    const headers = { 'x-ms-error-code': '\u009b31m', 'content-type': 'application/xml' };
    const { message } = await endOf(operation, { status: 400, body, headers });
    expect(message).toContain('400 ');
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe('Create Container', () => {
  it('uses an existing container, also one that another process has just created', async () => {
    const exists = { status: 409, code: 'ContainerAlreadyExists' };
    expect(await endOf('Create Container', exists)).toMatchObject({ tries: 1, exitCode: 0 });
    await blob.createContainer('none', new AbortController().signal);
    expect(server.log.at(-1)).toMatchObject({ operation: 'CreateContainer', status: 409 });
  });

  it('waits up to two minutes while a container of the same name is being deleted', async () => {
    const deleted = { status: 409, code: 'ContainerBeingDeleted' };
    expect(await endOf('Create Container', deleted, 3)).toMatchObject({ tries: 4, exitCode: 0 });
    const ended = await endOf('Create Container', deleted);
    expect(ended).toMatchObject({ tries: 5, exitCode: 6 });
    expect(ended.message).toContain('The container is being deleted. Wait a few minutes, or choose another container.');
  });
});

describe('Get Blob Properties', () => {
  it.each(['BlobNotFound', 'ContainerNotFound', 'ResourceNotFound', undefined])(
    'finds nothing after 404 %s',
    async (code) => {
      const headers = code === undefined ? {} : { 'x-ms-error-code': code };
      server.faults.add({}, { kind: 'answer', status: 404, headers });
      expect(await blob.properties(new AbortController().signal)).toBeUndefined();
    },
  );

  it.each([
    ['ETag', { etag: undefined }],
    ['x-ms-blob-type', { 'x-ms-blob-type': 'Painting' }],
    ['Content-Length', { 'content-length': undefined }],
  ])('needs a usable %s', async (name, headers) => {
    const ended = await endOf('Get Blob Properties', { isDone: true, headers });
    expect(ended).toMatchObject({ tries: 10, exitCode: 9 });
    expect(ended.message).toMatch(new RegExp(`its answer has no usable ${name} \\(request id 0{8}-`));
  });
});

describe('Get Page Ranges', () => {
  const list = (inner: string) => `<?xml version="1.0" encoding="utf-8"?><PageList>${inner}</PageList>`;

  it.each([
    ['an empty range', list('<PageRange></PageRange>'), 'not a list of page ranges'],
    ['a page of HTML', '<html>sign in</html>', 'not a list of page ranges'],
    ['nothing', '', 'not a list of page ranges'],
    ['a list that is cut', list('').slice(0, -4), 'not a list of page ranges'],
    ['entities', `<!DOCTYPE a [<!ENTITY b "c">]>${list('&b;')}`, 'not a list of page ranges'],
    ['a range beyond the blob', list('<PageRange><Start>0</Start><End>2097151</End></PageRange>'), '4096 bytes'],
  ])('fails with a clear message after %s', async (_, body, problem) => {
    const ended = await endOf('Get Page Ranges', { isDone: true, body });
    expect(ended).toMatchObject({ tries: 10, exitCode: 9 });
    expect(ended.message).toContain(problem);
    expect(ended.message).toMatch(/request id 0{8}-/);
  });

  it.each(['text/plain', 'application/json', undefined])('reads a list with content type %s', async (type) => {
    await CALLS['Put Page']?.(blob, new AbortController().signal);
    server.faults.add({}, { kind: 'answer', isDone: true, headers: { 'content-type': type } });
    const { ranges } = await blob.pageRanges(undefined, new AbortController().signal);
    expect(ranges).toEqual([{ offset: 0, length: 512 }]);
  });

  it('requests a truncated list again', async () => {
    server.faults.add({ operation: 'GetPageRanges', times: 2 }, { kind: 'truncated-answer' });
    const list = await retrier.run('Get Page Ranges', new AbortController().signal, (signal) =>
      blob.pageRanges(undefined, signal),
    );
    expect(list.ranges).toEqual([]);
    expect(retrier.retries).toBe(2);
  });
});

describe('Get Blob', () => {
  it.each([
    ['another range', { 'content-range': `bytes 0-1023/${SIZE}` }, 'bytes 0-1023/'],
    ['the whole blob', { 'content-range': undefined }, 'the whole blob'],
    ['no ETag', { etag: undefined }, 'no header etag (request id 0'],
    ['a body of no known length', { 'content-length': undefined }, 'no header content-length'],
  ])('rejects %s as the requested range', async (_, headers, problem) => {
    const ended = await endOf('Get Blob', { isDone: true, headers });
    expect(ended).toMatchObject({ tries: 10, exitCode: 9 });
    expect(ended.message).toContain(problem);
  });
});
