// Tests of the behaviour that Azure documents and in which the test server is stricter than Azurite.

import { createHash, randomBytes } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawRequest, type RawResponse, rangeHeader, rawRequest, withQuery } from '../raw-request.ts';
import { serviceClient } from '../storage-account.ts';
import { type PageBlobServer, startPageBlobServer } from './server.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'disks';

let server: PageBlobServer;

beforeAll(async () => {
  server = await startPageBlobServer({ rangesPerResponse: 3 });
  server.createContainer(CONTAINER);
});
afterAll(async () => {
  await server.close();
});

let blobs = 0;
function newBlob(size = MIB): string {
  const name = `blob-${++blobs}.vhd`;
  server.createPageBlob(CONTAINER, name, size);
  return name;
}

function send(blob: string, query: string, request: RawRequest): Promise<RawResponse> {
  const url = server.sasUrl({ container: CONTAINER, blob, permissions: 'racwd' });
  return rawRequest(query === '' ? url : withQuery(url, query), request);
}

function putPage(blob: string, range: string, body: Uint8Array, headers: Record<string, string> = {}) {
  return send(blob, 'comp=page', {
    method: 'PUT',
    headers: { 'x-ms-page-write': 'update', 'x-ms-range': range, ...headers },
    body,
  });
}

function outcome(response: RawResponse): string {
  return response.errorCode === undefined ? String(response.status) : `${response.status} ${response.errorCode}`;
}

describe('Put Page', () => {
  it('accepts 4 MiB but not one page more', async () => {
    const blob = newBlob(16 * MIB);
    expect(outcome(await putPage(blob, rangeHeader(0, 4 * MIB), Buffer.alloc(4 * MIB)))).toBe('201');
    const more = 4 * MIB + 512;
    const refused = await putPage(blob, rangeHeader(0, more), Buffer.alloc(more));
    expect(outcome(refused)).toBe('413 RequestBodyTooLarge');
    expect(refused.body.toString()).toContain('<MaxLimit>4194304</MaxLimit>');
  });

  it.each([
    ['a start between pages', 'bytes=100-611', 512],
    ['an end between pages', 'bytes=0-99', 100],
    ['no end', 'bytes=0-', 512],
    ['an end before the start', 'bytes=512-0', 512],
    ['another unit', 'pages=0-0', 512],
    ['more range than body', 'bytes=0-1023', 512],
    ['less range than body', 'bytes=0-511', 1024],
  ])('refuses a range with %s', async (_, range, length) => {
    const blob = newBlob();
    expect(outcome(await putPage(blob, range, Buffer.alloc(length)))).toBe('400 InvalidHeaderValue');
    expect(server.blob(CONTAINER, blob).ranges()).toEqual([]);
  });

  it.each([
    ['begins at', MIB],
    ['crosses', MIB - 512],
  ])('refuses a range that %s the end of the blob', async (_, offset) => {
    expect(outcome(await putPage(newBlob(), rangeHeader(offset, 1024), Buffer.alloc(1024)))).toBe(
      '416 InvalidPageRange',
    );
  });

  it('needs a range and x-ms-page-write', async () => {
    const blob = newBlob();
    const body = Buffer.alloc(512);
    expect(outcome(await putPage(blob, '', body))).toBe('400 MissingRequiredHeader');
    expect(outcome(await putPage(blob, rangeHeader(0, 512), body, { 'x-ms-page-write': '' }))).toBe(
      '400 MissingRequiredHeader',
    );
    expect(outcome(await putPage(blob, rangeHeader(0, 512), body, { 'x-ms-page-write': 'replace' }))).toBe(
      '400 InvalidHeaderValue',
    );
  });

  it('prefers x-ms-range to Range', async () => {
    const blob = newBlob();
    await putPage(blob, rangeHeader(512, 512), Buffer.alloc(512, 1), { range: rangeHeader(0, 512) });
    expect(server.blob(CONTAINER, blob).ranges()).toEqual([{ offset: 512, length: 512 }]);
  });

  it('refuses a structured body', async () => {
    const headers = { 'x-ms-structured-body': 'XSM/1.0; properties=crc64' };
    expect(outcome(await putPage(newBlob(), rangeHeader(0, 512), Buffer.alloc(512), headers))).toBe(
      '400 UnsupportedHeader',
    );
  });

  it('protects the blob from a stale writer by the sequence number', async () => {
    const blob = newBlob();
    const headers = { 'x-ms-if-sequence-number-eq': '1' };
    expect(outcome(await putPage(blob, rangeHeader(0, 512), Buffer.alloc(512), headers))).toBe(
      '412 SequenceNumberConditionNotMet',
    );
    const negative = { 'x-ms-if-sequence-number-eq': '-1' };
    expect(outcome(await putPage(blob, rangeHeader(0, 512), Buffer.alloc(512), negative))).toBe(
      '400 InvalidHeaderValue',
    );
  });
});

describe('checksums of Put Page', () => {
  const range = rangeHeader(0, 512);
  // Vectors of the service's CRC-64/NVME, see "123456789" -> ae8b14860a799888.
  const counting = Buffer.from(Array.from({ length: 512 }, (_, i) => i & 255));
  const countingCrc64 = 'BxtKCTKG9GU=';

  it('are echoed as x-ms-content-crc64 even if none was sent', async () => {
    const blob = newBlob(4 * MIB);
    const response = await putPage(blob, range, counting);
    expect(response.headers.get('x-ms-content-crc64')).toBe(countingCrc64);
    const zeros = await putPage(blob, rangeHeader(0, 4 * MIB), Buffer.alloc(4 * MIB));
    expect(zeros.headers.get('x-ms-content-crc64')).toBe('7fxeieZXMgQ=');
  });

  it('are accepted if they match', async () => {
    const blob = newBlob();
    expect(outcome(await putPage(blob, range, counting, { 'x-ms-content-crc64': countingCrc64 }))).toBe('201');
    const md5 = createHash('md5').update(counting).digest('base64');
    const response = await putPage(blob, range, counting, { 'content-md5': md5 });
    expect(outcome(response)).toBe('201');
    expect(response.headers.get('content-md5')).toBe(md5);
  });

  const md5OfNothing = createHash('md5').digest('base64');
  it.each([
    ['a wrong CRC-64', { 'x-ms-content-crc64': 'AAAAAAAAAAA=' }, '400 Crc64Mismatch'],
    ['a big-endian CRC-64', { 'x-ms-content-crc64': 'ZfSGMglKGwc=' }, '400 Crc64Mismatch'],
    ['a CRC-64 of four bytes', { 'x-ms-content-crc64': 'AAAAAA==' }, '400 InvalidHeaderValue'],
    ['a CRC-64 in hexadecimal', { 'x-ms-content-crc64': '071b4a093286f465' }, '400 InvalidHeaderValue'],
    ['a wrong MD5', { 'content-md5': md5OfNothing }, '400 Md5Mismatch'],
    ['an MD5 of five bytes', { 'content-md5': 'AAAAAAA=' }, '400 InvalidMd5'],
    [
      'both, even if both are right',
      { 'content-md5': createHash('md5').update(counting).digest('base64'), 'x-ms-content-crc64': countingCrc64 },
      '400 BothCrc64AndMd5HeaderPresent',
    ],
  ])('refuse %s and store nothing', async (_, headers, expected) => {
    const blob = newBlob();
    expect(outcome(await putPage(blob, range, counting, headers))).toBe(expected);
    expect(server.blob(CONTAINER, blob).ranges()).toEqual([]);
    expect(server.blob(CONTAINER, blob).read(0, 512).equals(Buffer.alloc(512))).toBe(true);
  });
});

describe('clearing pages', () => {
  it('refuses a body', async () => {
    const headers = { 'x-ms-page-write': 'clear' };
    expect(outcome(await putPage(newBlob(), rangeHeader(0, 512), Buffer.alloc(512), headers))).toBe(
      '400 InvalidHeaderValue',
    );
    expect(outcome(await putPage(newBlob(), rangeHeader(0, MIB), Buffer.alloc(0), headers))).toBe('201');
  });
});

describe('Get Page Ranges', () => {
  it('merges adjacent ranges, however they were written', async () => {
    const blob = newBlob();
    for (const at of [1024, 0, 512]) await putPage(blob, rangeHeader(at, 512), Buffer.alloc(512, 1));
    const { body } = await send(blob, 'comp=pagelist', { method: 'GET' });
    expect(body.toString()).toContain(
      '<PageList><PageRange><Start>0</Start><End>1535</End></PageRange><NextMarker /></PageList>',
    );
  });

  it('is paged by the limit of the server, with a marker for the next page', async () => {
    const blob = newBlob(64 * 1024);
    for (let at = 0; at < 64 * 1024; at += 8192) await putPage(blob, rangeHeader(at, 512), Buffer.alloc(512, 1));
    const client = serviceClient(server).getContainerClient(CONTAINER).getPageBlobClient(blob);
    const sizes: number[] = [];
    const starts: number[] = [];
    for await (const page of client.listPageRanges().byPage()) {
      sizes.push(page.pageRange?.length ?? 0);
      starts.push(...(page.pageRange ?? []).map(({ start }) => start));
    }
    expect(sizes).toEqual([3, 3, 2]);
    expect(starts).toEqual(Array.from({ length: 8 }, (_, i) => i * 8192));
  });

  it('returns one range at a time on request', async () => {
    const blob = newBlob();
    for (const at of [0, 4096]) await putPage(blob, rangeHeader(at, 512), Buffer.alloc(512, 1));
    const { body } = await send(blob, 'comp=pagelist&maxresults=1', { method: 'GET' });
    expect(body.toString()).toContain('<NextMarker>2!page!4096</NextMarker>');
  });

  it.each([
    ['maxresults=0', {}, '400 OutOfRangeQueryParameterValue'],
    ['maxresults=-1', {}, '400 OutOfRangeQueryParameterValue'],
    ['marker=nonsense', {}, '400 OutOfRangeQueryParameterValue'],
    ['', { 'x-ms-range': rangeHeader(MIB, 512) }, '416 InvalidPageRange'],
    ['prevsnapshot=2026-01-01T00:00:00.0000000Z', {}, '501 NotImplemented'],
  ])('refuses %s %o', async (query, headers, expected) => {
    expect(outcome(await send(newBlob(), `comp=pagelist&${query}`, { method: 'GET', headers }))).toBe(expected);
  });
});

describe('Put Blob', () => {
  const create = (name: string, headers: Record<string, string>) =>
    send(name, '', { method: 'PUT', headers: { 'x-ms-blob-type': 'PageBlob', ...headers } });

  it.each([
    ['1000', '400 InvalidHeaderValue'],
    ['-512', '400 InvalidHeaderValue'],
    ['8796093022208', '201'],
    ['8796093022720', '400 InvalidHeaderValue'],
  ])('with a size of %s answers %s', async (size, expected) => {
    expect(outcome(await create(`size${size}`, { 'x-ms-blob-content-length': size }))).toBe(expected);
  });

  it.each(['BlockBlob', 'AppendBlob'])('does not turn a %s into a page blob', async (type) => {
    const name = `wrong-${type}`;
    await send(name, '', { method: 'PUT', headers: { 'x-ms-blob-type': type } });
    expect(outcome(await create(name, { 'x-ms-blob-content-length': '512' }))).toBe('409 InvalidBlobType');
    expect(server.blob(CONTAINER, name).type).toBe(type);
  });

  it('does not replace a blob with a SAS that allows only creation', async () => {
    const name = newBlob();
    const url = server.sasUrl({ container: CONTAINER, blob: name, permissions: 'c' });
    const headers = { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '512' };
    expect(outcome(await rawRequest(url, { method: 'PUT', headers }))).toBe('403 UnauthorizedBlobOverwrite');
  });

  it('keeps the snapshots of a blob that it replaces, and deletes none with the blob unless it is told to', async () => {
    const name = newBlob();
    const made = await send(name, 'comp=snapshot', { method: 'PUT' });
    expect(outcome(made)).toBe('201');
    expect(outcome(await create(name, { 'x-ms-blob-content-length': '512' }))).toBe('201');
    expect([...server.blob(CONTAINER, name).snapshots.keys()]).toEqual([made.headers.get('x-ms-snapshot')]);
    expect(outcome(await send(name, '', { method: 'DELETE' }))).toBe('409 SnapshotsPresent');
    const only = { method: 'DELETE', headers: { 'x-ms-delete-snapshots': 'only' } };
    expect(outcome(await send(name, '', only))).toBe('202');
    expect(server.blob(CONTAINER, name).snapshots.size).toBe(0);
    expect(outcome(await send(name, '', { method: 'DELETE' }))).toBe('202');
  });

  it('with If-Match replaces only an existing blob', async () => {
    const headers = { 'x-ms-blob-content-length': '512', 'if-match': '"0x1"' };
    expect(outcome(await create('if-match-on-nothing', headers))).toBe('412 ConditionNotMet');
  });

  it('answers a create over a leased blob with 412, even with If-None-Match: *', async () => {
    const name = newBlob();
    await send(name, 'comp=lease', {
      method: 'PUT',
      headers: { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '-1' },
    });
    const headers = { 'x-ms-blob-content-length': '512', 'if-none-match': '*' };
    expect(outcome(await create(name, headers))).toBe('412 LeaseIdMissing');
  });
});

describe('metadata', () => {
  const setMetadata = (headers: Record<string, string>) => send(newBlob(), 'comp=metadata', { method: 'PUT', headers });

  it.each([
    ['a name with a hyphen', { 'x-ms-meta-upload-id': '1' }, '400 InvalidMetadata'],
    ['a name that begins with a digit', { 'x-ms-meta-1st': '1' }, '400 InvalidMetadata'],
    ['a value beyond ASCII', { 'x-ms-meta-name': 'ü' }, '400 InvalidMetadata'],
    ['8 KiB', { 'x-ms-meta-name': 'x'.repeat(8188) }, '200'],
    ['8 KiB and a byte', { 'x-ms-meta-name': 'x'.repeat(8189) }, '400 MetadataTooLarge'],
  ])('with %s', async (_, headers, expected) => {
    expect(outcome(await setMetadata(headers))).toBe(expected);
  });
});

describe('conditional headers', () => {
  it.each([
    ['GET', { 'if-none-match': 'ETAG' }, '304 ConditionNotMet'],
    ['GET', { 'if-match': '"0x1"' }, '412 ConditionNotMet'],
    ['GET', { 'if-match': 'ETAG' }, '200'],
    ['GET', { 'if-match': '*' }, '200'],
    ['GET', { 'if-modified-since': 'Wed, 01 Jan 2200 00:00:00 GMT' }, '304 ConditionNotMet'],
    ['GET', { 'if-unmodified-since': 'Wed, 01 Jan 2020 00:00:00 GMT' }, '412 ConditionNotMet'],
    ['GET', { 'if-none-match': '*' }, '400 UnsatisfiableCondition'],
    ['GET', { 'if-match': 'ETAG', 'if-none-match': 'ETAG' }, '400 MultipleConditionHeadersNotSupported'],
    ['DELETE', { 'if-none-match': 'ETAG' }, '412 ConditionNotMet'],
    ['DELETE', { 'if-match': 'ETAG' }, '202'],
  ])('%s with %o', async (method, headers, expected) => {
    const blob = newBlob(512);
    const { etag } = server.blob(CONTAINER, blob);
    const given = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace('ETAG', etag)]),
    );
    expect(outcome(await send(blob, '', { method, headers: given }))).toBe(expected);
  });
});

describe('requests in general', () => {
  it('need an x-ms-version that the service supports', async () => {
    const blob = newBlob();
    for (const [version, expected] of [
      ['', '400 MissingRequiredHeader'],
      ['2099-01-01', '400 InvalidHeaderValue'],
      ['newest', '400 InvalidHeaderValue'],
    ] as const) {
      expect(outcome(await send(blob, '', { method: 'HEAD', headers: { 'x-ms-version': version } }))).toBe(expected);
    }
  });

  it('fail with the code, the message and the request id in XML', async () => {
    const response = await putPage(newBlob(), 'bytes=1-512', Buffer.alloc(512));
    const id = response.headers.get('x-ms-request-id');
    expect(response.headers.get('content-type')).toBe('application/xml');
    expect(response.body.toString()).toMatch(/^\uFEFF<\?xml .*<Error><Code>InvalidHeaderValue<\/Code><Message>/);
    expect(response.body.toString()).toContain(`RequestId:${id}`);
    expect(response.body.toString()).toContain(
      '<HeaderName>x-ms-range</HeaderName><HeaderValue>bytes=1-512</HeaderValue>',
    );
  });

  it('return the client request id', async () => {
    const response = await send(newBlob(), '', { method: 'HEAD', headers: { 'x-ms-client-request-id': 'mine' } });
    expect(response.headers.get('x-ms-client-request-id')).toBe('mine');
  });

  it('may name the account in the Host instead of the path', async () => {
    const blob = newBlob();
    const url = new URL(server.sasUrl({ container: CONTAINER, blob, permissions: 'r' }));
    url.pathname = url.pathname.replace(`/${server.account}`, '');
    const headers = { host: `${server.account}.blob.localhost:${url.port}` };
    expect(outcome(await rawRequest(url.href, { method: 'HEAD', headers }))).toBe('200');
  });
});

describe('credentials', () => {
  it('accepts Shared Key with metadata in any order of names', async () => {
    const client = serviceClient(server).getContainerClient(CONTAINER).getPageBlobClient('ordered');
    const metadata = { b_a: '1', ba: '2', B1: '3', b_: '4', b: '5', vhdup_upload_id: '6', vhdupupload: '7' };
    await client.create(512, { metadata });
    expect(Object.fromEntries(server.blob(CONTAINER, 'ordered').metadata)).toEqual(metadata);
  });

  it('refuses Shared Key with the wrong key or an old date', async () => {
    const wrong = { url: server.url, account: server.account, key: randomBytes(64).toString('base64') };
    await expect(serviceClient(wrong).getContainerClient(CONTAINER).getProperties()).rejects.toMatchObject({
      statusCode: 403,
      code: 'AuthenticationFailed',
    });
    server.advanceClock(20 * 60_000);
    try {
      await expect(serviceClient(server).getContainerClient(CONTAINER).getProperties()).rejects.toMatchObject({
        statusCode: 403,
      });
    } finally {
      server.advanceClock(-20 * 60_000);
    }
  });

  it('accepts an account SAS for the resources that it names', async () => {
    const blob = newBlob();
    const outcomes = [];
    for (const [permissions, types] of [
      ['r', 'o'],
      ['w', 'o'],
      ['r', 'c'],
    ] as const) {
      const url = `${server.urlOf(CONTAINER, blob)}?${server.accountSas(permissions, types)}`;
      outcomes.push(outcome(await rawRequest(url, { method: 'HEAD' })));
    }
    expect(outcomes).toEqual(['200', '403 AuthorizationPermissionMismatch', '403 AuthorizationResourceTypeMismatch']);
  });

  it('creates containers only with an account SAS', async () => {
    const create = (url: string) => rawRequest(withQuery(url, 'restype=container'), { method: 'PUT' });
    expect(outcome(await create(`${server.urlOf('by-account')}?${server.accountSas('c', 'c')}`))).toBe('201');
    expect(outcome(await create(server.sasUrl({ container: 'by-service', permissions: 'cw' })))).toBe(
      '403 AuthorizationFailure',
    );
  });

  it('accepts a container SAS for every blob in it', async () => {
    const [path = '', query = ''] = server.sasUrl({ container: CONTAINER, permissions: 'r' }).split('?');
    expect(outcome(await rawRequest(`${path}/${newBlob()}?${query}`, { method: 'HEAD' }))).toBe('200');
  });

  it('makes a SAS start and expire by its times, and expire on demand', async () => {
    const blob = newBlob();
    const from = (ms: number) => new Date(server.now().getTime() + ms);
    const head = async (url: string) => outcome(await rawRequest(url, { method: 'HEAD' }));
    const sas = { container: CONTAINER, blob, permissions: 'r' };
    const early = server.sasUrl({ ...sas, startsOn: from(60_000) });
    const brief = server.sasUrl({ ...sas, expiresOn: from(120_000) });
    expect([await head(early), await head(brief)]).toEqual(['403 AuthenticationFailed', '200']);
    server.advanceClock(130_000);
    expect([await head(early), await head(brief)]).toEqual(['200', '403 AuthenticationFailed']);
    server.expireSas();
    expect([await head(early), await head(server.sasUrl(sas))]).toEqual(['403 AuthenticationFailed', '200']);
    server.advanceClock(-130_000);
  });

  it('creates a working SAS each time the previous one has expired', async () => {
    const blob = newBlob();
    for (let i = 0; i < 5; i++) {
      const url = server.sasUrl({ container: CONTAINER, blob, permissions: 'r' });
      expect(outcome(await rawRequest(url, { method: 'HEAD' }))).toBe('200');
      server.expireSas(url);
      expect(outcome(await rawRequest(url, { method: 'HEAD' }))).toBe('403 AuthenticationFailed');
    }
  });

  it('reports in the answer when a SAS expired', async () => {
    const expiresOn = new Date(server.now().getTime() - 1000);
    const url = server.sasUrl({ container: CONTAINER, blob: newBlob(), permissions: 'r', expiresOn });
    const { body } = await rawRequest(url, { method: 'GET' });
    expect(body.toString()).toContain(`Expiry [${expiresOn.toUTCString()}]`);
  });

  it('takes permissions and expiry from a stored policy', async () => {
    const blob = newBlob();
    const url = server.sasUrl({ container: CONTAINER, blob, policy: 'rights' });
    expect(outcome(await rawRequest(url, { method: 'HEAD' }))).toBe('403 AuthenticationFailed');
    const expiresOn = new Date(server.now().getTime() + 60_000);
    server.setAccessPolicy(CONTAINER, 'rights', { permissions: 'r', expiresOn });
    expect(outcome(await rawRequest(url, { method: 'HEAD' }))).toBe('200');
    expect(outcome(await rawRequest(url, { method: 'DELETE' }))).toBe('403 AuthorizationPermissionMismatch');
  });

  it('asks for credentials with 401 if there are none', async () => {
    const response = await rawRequest(server.urlOf(CONTAINER, newBlob()), { method: 'GET' });
    expect(outcome(response)).toBe('401 NoAuthenticationInformation');
    expect(response.headers.get('www-authenticate')).toContain('resource_id=https://storage.azure.com');
  });

  it.each([
    ['none', '401 NoAuthenticationInformation', '401 NoAuthenticationInformation'],
    ['blob', '200', '401 NoAuthenticationInformation'],
    ['container', '200', '200'],
  ] as const)(
    'lets everyone read a container with public access %s, and nobody write',
    async (access, blob, container) => {
      const name = `public-${access}`;
      server.createContainer(name, access);
      server.createPageBlob(name, 'disk.vhd', 512);
      const answers = async (url: string, method: 'HEAD' | 'DELETE') => outcome(await rawRequest(url, { method }));
      expect(await answers(server.urlOf(name, 'disk.vhd'), 'HEAD')).toBe(blob);
      expect(await answers(withQuery(server.urlOf(name), 'restype=container'), 'HEAD')).toBe(container);
      expect(await answers(server.urlOf(name, 'disk.vhd'), 'DELETE')).toBe('401 NoAuthenticationInformation');
    },
  );

  it('refuses tags without the permission t, and more than ten', async () => {
    const headers = { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '512' };
    const create = async (permissions: string, tags: string) => {
      const url = server.sasUrl({ container: CONTAINER, blob: `tags-${permissions}`, permissions });
      return outcome(await rawRequest(url, { method: 'PUT', headers: { ...headers, 'x-ms-tags': tags } }));
    };
    const eleven = Array.from({ length: 11 }, (_, index) => `t${index}=x`).join('&');
    expect(await create('w', 'a=b')).toBe('403 AuthorizationPermissionMismatch');
    expect(await create('wt', eleven)).toBe('400 InvalidTag');
    expect(await create('wt', 'a=b&c%2Bd=')).toBe('201');
  });

  it('refuses a bearer token over plain HTTP', async () => {
    const headers = { authorization: 'Bearer token' };
    expect(outcome(await rawRequest(server.urlOf(CONTAINER, newBlob()), { method: 'GET', headers }))).toBe(
      '403 AuthenticationFailed',
    );
  });
});

describe('over TLS', () => {
  it('accepts the current bearer token from clients that trust its authority', async () => {
    const tls = await startPageBlobServer({ tls: true, bearerToken: 'first' });
    try {
      tls.createPageBlob(CONTAINER, 'a.vhd', 512);
      const ca = tls.caCertificate ?? '';
      const head = async (token: string) =>
        outcome(
          await rawRequest(tls.urlOf(CONTAINER, 'a.vhd'), {
            method: 'HEAD',
            headers: { authorization: `Bearer ${token}` },
            ca,
          }),
        );
      expect([await head('first'), await head('other')]).toEqual(['200', '401 InvalidAuthenticationInfo']);
      tls.bearerToken = 'second';
      expect([await head('first'), await head('second')]).toEqual(['401 InvalidAuthenticationInfo', '200']);
      await expect(rawRequest(tls.urlOf(CONTAINER, 'a.vhd'), { method: 'HEAD' })).rejects.toMatchObject({
        code: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED/),
      });
    } finally {
      await tls.close();
    }
  });
});

describe('leases by the clock', () => {
  it('expire, and the blob can be written again', async () => {
    const blob = newBlob();
    const lease = { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '15' };
    await send(blob, 'comp=lease', { method: 'PUT', headers: lease });
    expect(outcome(await putPage(blob, rangeHeader(0, 512), Buffer.alloc(512)))).toBe('412 LeaseIdMissing');
    server.advanceClock(16_000);
    expect(outcome(await putPage(blob, rangeHeader(0, 512), Buffer.alloc(512)))).toBe('201');
    server.advanceClock(-16_000);
  });

  it.each(['14', '61', '0', '-2', 'long'])('cannot last %s seconds', async (duration) => {
    const headers = { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': duration };
    expect(outcome(await send(newBlob(), 'comp=lease', { method: 'PUT', headers }))).toBe('400 InvalidHeaderValue');
  });
});

describe('for tests', () => {
  it('records every request', async () => {
    const blob = newBlob();
    const before = server.log.length;
    await putPage(blob, rangeHeader(512, 1024), Buffer.alloc(1024, 1));
    await putPage(blob, rangeHeader(MIB, 512), Buffer.alloc(512, 1));
    expect(server.log.slice(before)).toMatchObject([
      {
        operation: 'PutPage',
        blob,
        range: { offset: 512, length: 1024 },
        status: 201,
        committed: true,
        aborted: false,
      },
      { operation: 'PutPage', blob, status: 416, errorCode: 'InvalidPageRange', committed: false },
    ]);
  });

  it('shows the content of a blob', async () => {
    const name = newBlob(64 * MIB);
    const bytes = randomBytes(4096);
    await putPage(name, rangeHeader(32 * MIB, 4096), bytes);
    const blob = server.blob(CONTAINER, name);
    const whole = Buffer.alloc(64 * MIB);
    bytes.copy(whole, 32 * MIB);
    expect(blob.read(32 * MIB, 4096).equals(bytes)).toBe(true);
    expect(blob.sha256()).toBe(createHash('sha256').update(whole).digest('hex'));
  });

  it('discards contents on demand, but keeps the ranges', async () => {
    const discarding = await startPageBlobServer({ discard: true });
    try {
      discarding.createContainer(CONTAINER);
      const client = BlobServiceClient.fromConnectionString(discarding.connectionString)
        .getContainerClient(CONTAINER)
        .getPageBlobClient('big.vhd');
      await client.create(1024 ** 4);
      await client.uploadPages(randomBytes(4 * MIB), 1024 ** 4 - 4 * MIB, 4 * MIB);
      const blob = discarding.blob(CONTAINER, 'big.vhd');
      expect(blob.ranges()).toEqual([{ offset: 1024 ** 4 - 4 * MIB, length: 4 * MIB }]);
      expect(blob.read(1024 ** 4 - 512, 512).equals(Buffer.alloc(512))).toBe(true);
      expect(discarding.counters.bytesCommitted).toBe(4 * MIB);
    } finally {
      await discarding.close();
    }
  });
});
