// Copy Blob of the test server, as the REST reference describes it.
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type PageBlobServer, startPageBlobServer } from './server.ts';

const CONTAINER = 'vhds';
let server: PageBlobServer;

beforeEach(async () => {
  await server?.close();
  server = await startPageBlobServer();
  const source = server.createPageBlob(CONTAINER, 'source', 2048);
  source.write(512, new Uint8Array(512).fill(7));
  source.markWritten({ offset: 512, length: 512 });
  source.sequenceNumber = 5n;
  source.headers = new Map([['content-md5', Buffer.alloc(16).toString('base64')]]);
  server.touch(source);
});

afterAll(() => server.close());

const url = (blob: string, permissions = 'rw') => server.sasUrl({ container: CONTAINER, blob, permissions });

async function send(method: string, to: string, headers: Record<string, string> = {}) {
  const { status, headers: answer } = await fetch(to, {
    method,
    headers: { 'x-ms-version': '2023-08-03', 'content-length': '0', ...headers },
  });
  return { status, code: answer.get('x-ms-error-code'), header: (name: string) => answer.get(name) };
}

const copy = (headers: Record<string, string> = {}, source = url('source', 'r')) =>
  send('PUT', url('copy'), { 'x-ms-copy-source': source, ...headers });

describe('Copy Blob', () => {
  it('copies pages, the page list, stored headers and the sequence number, and replaces the metadata', async () => {
    const answer = await copy({ 'x-ms-meta-name': 'value' });
    expect(answer).toMatchObject({ status: 202, code: null });
    expect(answer.header('x-ms-copy-status')).toBe('success');
    const blob = server.blob(CONTAINER, 'copy');
    expect(blob.ranges()).toEqual([{ offset: 512, length: 512 }]);
    expect(blob.read(512, 512)).toEqual(Buffer.alloc(512, 7));
    expect(blob).toMatchObject({ sequenceNumber: 5n, size: 2048 });
    expect(blob.contentMd5).toBeDefined();
    expect([...blob.metadata]).toEqual([['name', 'value']]);
  });

  it('is pending for some looks, during which writes are refused, and shows its progress', async () => {
    server.copies.pendingLooks = 1;
    const id = (await copy()).header('x-ms-copy-id');
    const write = await send('PUT', `${url('copy')}&comp=metadata`, { 'x-ms-meta-a': 'b' });
    expect(write).toMatchObject({ status: 409, code: 'PendingCopyOperation' });
    expect(await copy()).toMatchObject({ status: 409, code: 'PendingCopyOperation' });
    const looks = [await send('HEAD', url('copy')), await send('HEAD', url('copy'))];
    expect(looks.map(({ header }) => header('x-ms-copy-status'))).toEqual(['pending', 'success']);
    expect(looks.map(({ header }) => header('x-ms-copy-progress'))).toEqual(['1024/2048', '2048/2048']);
    expect(looks.map(({ header }) => header('x-ms-copy-id'))).toEqual([id, id]);
    expect(looks[1]?.header('x-ms-copy-completion-time')).not.toBeNull();
    await send('PUT', `${url('copy')}&comp=properties`, { 'x-ms-blob-content-type': 'text/plain' });
    expect((await send('HEAD', url('copy'))).header('x-ms-copy-id')).toBeNull();
  });

  it.each(['failed', 'aborted'] as const)('that %s leaves an empty blob with its metadata', async (outcome) => {
    server.copies.outcome = outcome;
    await copy({ 'x-ms-meta-name': 'value' });
    const look = await send('HEAD', url('copy'));
    expect(look.header('x-ms-copy-status')).toBe(outcome);
    expect(look.header('content-length')).toBe('0');
    expect(look.header('x-ms-meta-name')).toBe('value');
  });

  it('fails if the source changes meanwhile', async () => {
    server.copies.pendingLooks = 1;
    await copy();
    server.touch(server.blob(CONTAINER, 'source'));
    await send('HEAD', url('copy'));
    const look = await send('HEAD', url('copy'));
    expect(look.header('x-ms-copy-status')).toBe('failed');
    expect(look.header('x-ms-copy-status-description')).toMatch(/^412 /);
  });

  it.each([
    ['another ETag of the source', { 'x-ms-source-if-match': '"other"' }, 412, 'SourceConditionNotMet'],
    ['another ETag of the blob', { 'if-match': '"other"' }, 412, 'TargetConditionNotMet'],
    ['an existing blob', { 'if-none-match': '*' }, 409, 'BlobAlreadyExists'],
  ])('is refused: %s', async (_, headers, status, code) => {
    server.createPageBlob(CONTAINER, 'copy', 512);
    expect(await copy(headers)).toMatchObject({ status, code });
  });

  it('needs a source that exists and a SAS that can read it, unless the request is signed by the account', async () => {
    expect(await copy({}, url('absent', 'r'))).toMatchObject({ status: 404, code: 'CannotVerifyCopySource' });
    expect(await copy({}, url('source', 'w'))).toMatchObject({ status: 403, code: 'CannotVerifyCopySource' });
    const unsigned = server.urlOf(CONTAINER, 'source');
    expect((await copy({}, unsigned)).code).toBe('CannotVerifyCopySource');
    const elsewhere = 'https://other.blob.core.windows.net/vhds/source';
    expect(await copy({}, elsewhere)).toMatchObject({ status: 404, code: 'CannotVerifyCopySource' });
  });

  it('copies from another account that it knows, with a SAS of that account', async () => {
    const other = await startPageBlobServer({ account: 'otheraccount' });
    other.createPageBlob(CONTAINER, 'source', 1024);
    const source = other.sasUrl({ container: CONTAINER, blob: 'source', permissions: 'r' });
    expect((await copy({}, source)).status).toBe(404);
    server.copiesFrom(other);
    expect((await copy({}, source)).status).toBe(202);
    expect(server.blob(CONTAINER, 'copy').size).toBe(1024);
    await other.close();
  });

  it('is refused on a leased blob', async () => {
    const blob = server.createPageBlob(CONTAINER, 'copy', 512);
    blob.lease.acquire('11111111-2222-3333-4444-555555555555', 60_000, server.now().getTime());
    expect(await copy()).toMatchObject({ status: 412, code: 'LeaseIdMissing' });
  });
});
