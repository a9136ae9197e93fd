// What the endpoint of a managed disk accepts and refuses, each by a raw request.

import { Agent } from 'node:https';
import { AnonymousCredential, PageBlobClient } from '@azure/storage-blob';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ManagedDisks, startManagedDisks } from '../managed-disks.ts';
import { crc64Base64, md5Base64 } from '../page-blob-server/checksum.ts';
import { type RawRequest, type RawResponse, rangeHeader, rawRequest, withQuery } from '../raw-request.ts';
import { DISK_AUDIENCE } from './server.ts';
import { fixedFooter } from './vhd-footer.ts';

const MIB = 1024 * 1024;
const SIZE = 20 * MIB + 512;
const VERSION = '2023-08-03';

let servers: ManagedDisks;
let url: string;

beforeEach(async () => {
  servers = await startManagedDisks({ disks: [{ name: 'd' }] });
  url = servers.arm.resources.grantAccess('d', 'Write', 3600);
});
afterEach(async () => {
  await servers.close();
});

function send(
  method: string,
  query = '',
  headers: Record<string, string> = {},
  body?: Uint8Array,
): Promise<RawResponse> {
  const request: RawRequest = { method, headers: { 'x-ms-version': VERSION, ...headers }, ...(body && { body }) };
  return rawRequest(query === '' ? url : withQuery(url, query), request);
}

function putPage(offset: number, body: Uint8Array, headers: Record<string, string> = {}): Promise<RawResponse> {
  const range = { 'x-ms-page-write': 'update', 'x-ms-range': rangeHeader(offset, body.length) };
  return send('PUT', 'comp=page', { ...range, ...headers }, body);
}

function outcome({ status, errorCode }: RawResponse): string {
  return errorCode === undefined ? String(status) : `${status} ${errorCode}`;
}

function listedRanges({ body }: RawResponse): string[] {
  return [...body.toString().matchAll(/<Start>(\d+)<\/Start><End>(\d+)<\/End>/g)].map(
    ([, start, end]) => `${start}-${end}`,
  );
}

const content = () => servers.arm.resources.disk('d').content;

describe('an upload', () => {
  it('has a URL of the form of the service, whose expiry cannot be read off', () => {
    const { pathname, searchParams } = new URL(url);
    expect(pathname).toMatch(/^\/md-impexp-[a-z0-9]{12}\/[a-z0-9]{12}\/abcd$/);
    expect([...searchParams.keys()]).toEqual(['sv', 'sr', 'si', 'sig']);
  });

  it('shows its exact length, but no lease, sequence number or metadata', async () => {
    const { status, headers } = await send('HEAD');
    expect([status, headers.get('content-length'), headers.get('x-ms-blob-type')]).toEqual([
      200,
      String(SIZE),
      'PageBlob',
    ]);
    expect([...headers.keys()].filter((name) => /lease|sequence|x-ms-meta/.test(name))).toEqual([]);
  });

  it('writes, lists, reads and clears pages, without a violation', async () => {
    const put = await putPage(512, Buffer.alloc(1024, 'a'));
    expect([outcome(put), put.headers.get('x-ms-request-server-encrypted')]).toEqual(['201', 'true']);
    expect(listedRanges(await send('GET', 'comp=pagelist'))).toEqual(['512-1535']);
    const read = await send('GET', '', {
      'x-ms-range': rangeHeader(1024, 1024),
      'x-ms-range-get-content-crc64': 'true',
    });
    const expected = Buffer.concat([Buffer.alloc(512, 'a'), Buffer.alloc(512)]);
    expect([read.status, read.body.equals(expected), read.headers.get('x-ms-content-crc64')]).toEqual([
      206,
      true,
      crc64Base64([expected]),
    ]);
    const clear = await send('PUT', 'comp=page', { 'x-ms-page-write': 'clear', 'x-ms-range': rangeHeader(512, 512) });
    expect([outcome(clear), clear.headers.has('x-ms-content-crc64')]).toEqual(['201', false]);
    expect(content().ranges()).toEqual([{ offset: 1024, length: 512 }]);
    expect(servers.violations).toEqual([]);
  });

  // Values of a recording of the service.
  it.each([
    ['512 × a', 512, 'a', 'u661BimQ84c='],
    ['512 × b', 512, 'b', 'zGf3rvhKPeA='],
    ['1024 × a', 1024, 'a', 'ov8U1LLnyKc='],
    ['1024 × b', 1024, 'b', 'pK+ypU+jreM='],
  ])('answers %s with the CRC64 of the service', async (_, length, byte, crc64) => {
    expect((await putPage(0, Buffer.alloc(length, byte))).headers.get('x-ms-content-crc64')).toBe(crc64);
  });

  it('answers a wrong checksum as the service does', async () => {
    const answer = await putPage(0, Buffer.alloc(1024, 'b'), { 'x-ms-content-crc64': 'AQIDBAUGBwg=' });
    expect(outcome(answer)).toBe('400 Crc64Mismatch');
    expect(answer.body.toString()).toContain(
      '<UserSpecifiedCrc>AQIDBAUGBwg=</UserSpecifiedCrc><ServerCalculatedCrc>pK+ypU+jreM=</ServerCalculatedCrc>',
    );
    expect(content().ranges()).toEqual([]);
  });

  it.each([
    ['more than 4 MiB', 0, 4 * MIB + 512, '413 RequestBodyTooLarge'],
    ['a start between pages', 100, 512, '416 InvalidPageRange'],
    ['an end between pages', 0, 100, '416 InvalidPageRange'],
    ['pages past the end', SIZE, 512, '416 InvalidPageRange'],
    ['pages across the end', SIZE - 512, 1024, '416 InvalidPageRange'],
  ])('refuses %s', async (_, offset, length, refusal) => {
    expect(outcome(await putPage(offset, Buffer.alloc(length, 1)))).toBe(refusal);
    expect(content().ranges()).toEqual([]);
  });

  it('needs a range, the length and the bytes of it', async () => {
    expect([
      outcome(await putPage(0, Buffer.alloc(512), { 'x-ms-range': '' })),
      outcome(await putPage(0, Buffer.alloc(512), { 'x-ms-range': rangeHeader(0, 1024) })),
      outcome(await putPage(0, Buffer.alloc(512), { 'x-ms-page-write': '' })),
    ]).toEqual(['400 MissingRequiredHeader', '400 InvalidHeaderValue', '400 MissingRequiredHeader']);
  });

  it('has the largest size of the service', async () => {
    const uploadSizeBytes = 35_183_298_347_520;
    servers.arm.resources.createDisk({ name: 'large', uploadSizeBytes });
    url = servers.arm.resources.grantAccess('large', 'Write', 3600);
    const footer = fixedFooter(uploadSizeBytes - 512);
    expect(outcome(await putPage(uploadSizeBytes - 512, footer))).toBe('201');
    expect(servers.arm.resources.disk('large').content.ranges()).toEqual([
      { offset: uploadSizeBytes - 512, length: 512 },
    ]);
  });
});

describe('a request that no client may send is refused, and recorded as a violation', () => {
  it.each([
    ['Put Blob', 'PUT', '', { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '512' }],
    ['Delete Blob', 'DELETE', '', {}],
    ['Set Blob Metadata', 'PUT', 'comp=metadata', { 'x-ms-meta-a': 'b' }],
    ['Get Blob Metadata', 'GET', 'comp=metadata', {}],
    ['Set Blob Properties', 'PUT', 'comp=properties', { 'x-ms-blob-content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }],
    ['Set Blob Tier', 'PUT', 'comp=tier', { 'x-ms-access-tier': 'P10' }],
    ['Set Blob Tags', 'PUT', 'comp=tags', {}],
    ['Acquire Lease', 'PUT', 'comp=lease', { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '60' }],
    ['Snapshot Blob', 'PUT', 'comp=snapshot', {}],
    ['Copy Blob', 'PUT', '', { 'x-ms-copy-source': 'https://a.blob.core.windows.net/b/c' }],
    ['Put Page From URL', 'PUT', 'comp=page', { 'x-ms-copy-source': 'https://a.blob.core.windows.net/b/c' }],
    ['a page list with a snapshot', 'GET', 'comp=pagelist&prevsnapshot=2026-01-01', {}],
    ['the properties of the container', 'HEAD', 'restype=container', {}],
    ['an unknown parameter', 'GET', 'comp=pagelist&include=all', {}],
    ['POST', 'POST', '', {}],
  ])('%s', async (_, method, query, headers) => {
    const answer = await send(method, query, headers);
    expect(outcome(answer)).toBe('403 AuthorizationFailure');
    expect(servers.disks.violations).toMatchObject([{ method, problem: expect.stringContaining('not allowed') }]);
  });

  it.each([
    'if-match',
    'if-none-match',
    'if-modified-since',
    'if-unmodified-since',
    'x-ms-if-sequence-number-eq',
    'x-ms-if-sequence-number-le',
    'x-ms-if-sequence-number-lt',
    'x-ms-if-tags',
    'x-ms-lease-id',
    'x-ms-encryption-scope',
    'x-ms-structured-body',
    'x-ms-blob-content-length',
  ])('the header %s', async (name) => {
    const value = name.includes('since') ? new Date(0).toUTCString() : '1';
    const reads = [await send('HEAD', '', { [name]: value }), await send('GET', 'comp=pagelist', { [name]: value })];
    const answers = [...reads, await putPage(0, Buffer.alloc(512, 1), { [name]: value })];
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
    expect(servers.violations).toHaveLength(3);
    expect(servers.violations[0]).toContain(name);
    expect(content().ranges()).toEqual([]);
  });

  it('Clear Pages, if the switch says so', async () => {
    servers.disks.behaviour.clearPages = false;
    const clear = await send('PUT', 'comp=page', { 'x-ms-page-write': 'clear', 'x-ms-range': rangeHeader(0, 512) });
    expect(outcome(clear)).toBe('403 AuthorizationFailure');
    expect(servers.violations).toEqual(['PUT: ClearPages is not allowed on a managed disk.']);
  });
});

describe('the SAS', () => {
  it.each([
    ['another signature', (sas: string) => sas.replace(/sig=.*/, 'sig=AAAA')],
    ['no signature', (sas: string) => sas.replace(/&sig=.*/, '')],
    ['another policy', (sas: string) => sas.replace(/si=[^&]*/, 'si=00000000-0000-0000-0000-000000000000')],
    ['another version', (sas: string) => sas.replace('2018-03-28', '2020-01-01')],
    ['another account', (sas: string) => sas.replace(/md-impexp-\w+/, 'md-impexp-other0000000')],
    ['another blob', (sas: string) => sas.replace('/abcd?', '/abce?')],
  ])('is refused with %s', async (_, change) => {
    url = change(url);
    expect((await send('HEAD')).status).toBe(403);
    expect(outcome(await send('GET', 'comp=pagelist'))).toBe('403 AuthenticationFailed');
  });

  it('expires by the clock of the server, and the answer does not say so', async () => {
    // Not to the last second: the clock also runs while the test does.
    servers.advanceClock(3_500_000);
    expect((await send('HEAD')).status).toBe(200);
    servers.advanceClock(100_000);
    const answer = await send('GET', 'comp=pagelist');
    expect(outcome(answer)).toBe('403 AuthenticationFailed');
    expect(answer.body.toString()).not.toMatch(/Expiry|time frame/);
  });

  it('expires on demand, and the answer says so if the switch is on', async () => {
    servers.disks.behaviour.explainsExpiry = true;
    servers.disks.expireSas();
    expect((await send('GET', 'comp=pagelist')).body.toString()).toContain('not valid in the specified time frame');
  });

  it('has times and permissions in the older form', async () => {
    servers.disks.behaviour.sasForm = 'sk';
    url = servers.arm.resources.grantAccess('d', 'Write', 60);
    expect([...new URL(url).searchParams.keys()]).toEqual(['sv', 'sr', 'sk', 'st', 'se', 'sp', 'sig']);
    expect((await send('HEAD')).status).toBe(200);
  });

  it('for reading does not write, and leads to another host', async () => {
    servers.arm.resources.createDisk({ name: 'r', state: 'Unattached' });
    url = servers.arm.resources.grantAccess('r', 'Read', 3600);
    expect(new URL(url).pathname).toMatch(/^\/md-hdd-/);
    expect(outcome(await putPage(0, Buffer.alloc(512)))).toBe('403 AuthorizationPermissionMismatch');
    const footer = await send('GET', '', { range: rangeHeader(SIZE - 512, 512) });
    expect(footer.body.subarray(0, 8).toString()).toBe('conectix');
  });

  it('for writing does not read, if the switch says so', async () => {
    servers.disks.behaviour.readWithWriteSas = false;
    const read = await send('GET', '', { range: rangeHeader(0, 512) });
    expect([outcome(read), (await send('HEAD')).status]).toEqual(['403 AuthorizationPermissionMismatch', 200]);
  });

  it.each([
    [403, '403 AuthenticationFailed'],
    [404, '404 BlobNotFound'],
  ] as const)('that was revoked is answered with %i', async (status, refusal) => {
    servers.disks.behaviour.endedAccessStatus = status;
    servers.arm.resources.revokeAccess('d');
    expect(outcome(await putPage(0, Buffer.alloc(512)))).toBe(refusal);
  });

  it('of a deleted disk leads to no blob', async () => {
    servers.arm.resources.deleteDisk('d');
    expect(outcome(await putPage(0, Buffer.alloc(512)))).toBe('404 BlobNotFound');
  });

  it('is refused by the network policy with the text of the service', async () => {
    const diskAccessId = `/subscriptions/${servers.subscription}/resourceGroups/rg/providers/Microsoft.Compute/diskAccesses/a`;
    const properties = { networkAccessPolicy: 'AllowPrivate', diskAccessId } as const;
    servers.arm.resources.createDisk({ name: 'private', properties });
    url = servers.arm.resources.grantAccess('private', 'Write', 3600);
    const answer = await send('GET', 'comp=pagelist');
    expect([outcome(answer), answer.body.toString()]).toEqual([
      '403 AuthenticationFailed',
      expect.stringContaining('signed resource is not allowed'),
    ]);
    servers.arm.behaviour.hasPrivateEndpoint = true;
    url = servers.arm.resources.grantAccess('private', 'Write', 3600);
    expect((await send('HEAD')).status).toBe(200);
  });
});

describe('the switches of checksums', () => {
  const page = Buffer.alloc(512, 'a');
  const right = crc64Base64([page]);
  const wrong = 'AQIDBAUGBwg=';

  it.each([
    ['checked', '201', '400 Crc64Mismatch'],
    ['ignored', '201', '201'],
    ['UnsupportedHeader', '400 UnsupportedHeader', '400 UnsupportedHeader'],
    ['InvalidHeaderValue', '400 InvalidHeaderValue', '400 InvalidHeaderValue'],
  ] as const)('CRC64 is %s', async (support, ofRight, ofWrong) => {
    servers.disks.behaviour.crc64 = support;
    const answers = [
      await putPage(0, page, { 'x-ms-content-crc64': right }),
      await putPage(0, page, { 'x-ms-content-crc64': wrong }),
    ];
    expect(answers.map(outcome)).toEqual([ofRight, ofWrong]);
    expect(outcome(await putPage(0, page))).toBe('201');
    if (ofRight !== '201') expect(answers[0]?.body.toString()).toContain('<HeaderName>x-ms-content-crc64</HeaderName>');
  });

  it.each([
    ['checked', '201', '400 Md5Mismatch'],
    ['ignored', '201', '201'],
    ['UnsupportedHeader', '400 UnsupportedHeader', '400 UnsupportedHeader'],
  ] as const)('MD5 is %s', async (support, ofRight, ofWrong) => {
    servers.disks.behaviour.md5 = support;
    const answers = [
      await putPage(0, page, { 'content-md5': md5Base64([page]) }),
      await putPage(0, page, { 'content-md5': md5Base64([Buffer.alloc(1)]) }),
    ];
    expect(answers.map(outcome)).toEqual([ofRight, ofWrong]);
  });

  it('the echo is that of what arrived, also if the checksum is ignored', async () => {
    servers.disks.behaviour.crc64 = 'ignored';
    servers.disks.faults.add({ operation: 'PutPage', nth: 1 }, { kind: 'flip-received-bit' });
    const damaged = await putPage(0, page, { 'x-ms-content-crc64': right });
    expect([outcome(damaged), damaged.headers.get('x-ms-content-crc64') === right]).toEqual(['201', false]);
    expect((await putPage(0, page)).headers.get('x-ms-content-crc64')).toBe(right);
  });

  it('there is no echo', async () => {
    servers.disks.behaviour.checksumEcho = false;
    expect((await putPage(0, page)).headers.has('x-ms-content-crc64')).toBe(false);
    expect(outcome(await putPage(0, page, { 'x-ms-content-crc64': wrong }))).toBe('400 Crc64Mismatch');
  });

  it.each([
    ['given', '206', true],
    ['omitted', '206', false],
    ['UnsupportedHeader', '400 UnsupportedHeader', false],
  ] as const)('those of reads are %s', async (support, expected, hasChecksum) => {
    servers.disks.behaviour.rangeChecksums = support;
    const headers = { range: rangeHeader(0, 512), 'x-ms-range-get-content-crc64': 'true' };
    const read = await send('GET', '', headers);
    expect([outcome(read), read.headers.has('x-ms-content-crc64')]).toEqual([expected, hasChecksum]);
  });
});

describe('other switches', () => {
  it.each([
    [{ etag: false }, ['last-modified']],
    [{ lastModified: false }, ['etag']],
    [{ etag: false, lastModified: false }, []],
  ])('%o', async (change, shown) => {
    Object.assign(servers.disks.behaviour, change);
    const answers = [await send('HEAD'), await putPage(0, Buffer.alloc(512)), await send('GET', 'comp=pagelist')];
    for (const { headers } of answers) {
      expect(['etag', 'last-modified'].filter((name) => headers.has(name))).toEqual(shown);
    }
  });

  it('an ETag changes with each write, also that of somebody else', async () => {
    const etag = async () => (await send('HEAD')).headers.get('etag');
    const before = await etag();
    await putPage(0, Buffer.alloc(512));
    const after = await etag();
    const { pages } = servers.arm.resources.disk('d');
    if (pages !== undefined) servers.disks.writePages(pages, 512, Buffer.alloc(512, 1));
    expect(new Set([before, after, await etag()]).size).toBe(3);
    expect(content().ranges()).toEqual([{ offset: 0, length: 1024 }]);
  });

  it('versions of the API newer than the newest are refused', async () => {
    servers.disks.behaviour.newestVersion = '2023-08-03';
    expect(outcome(await send('GET', 'comp=pagelist', { 'x-ms-version': '2023-08-03' }))).toBe('200');
    const newer = await send('GET', 'comp=pagelist', { 'x-ms-version': '2023-11-03' });
    expect(outcome(newer)).toBe('400 InvalidHeaderValue');
    expect(newer.body.toString()).toContain('<HeaderName>x-ms-version</HeaderName>');
    expect(outcome(await send('HEAD', '', { 'x-ms-version': '' }))).toBe('400 MissingRequiredHeader');
  });

  it.each([
    ['times-out', '500 OperationTimedOut'],
    ['refused', '403 AuthorizationPermissionMismatch'],
  ] as const)('page ranges: %s', async (pageRanges, expected) => {
    servers.disks.behaviour.pageRanges = pageRanges;
    expect(outcome(await send('GET', 'comp=pagelist'))).toBe(expected);
  });

  it('page ranges: each page alone', async () => {
    servers.disks.behaviour.pageRanges = 'page-by-page';
    await putPage(512, Buffer.alloc(1536, 1));
    expect(listedRanges(await send('GET', 'comp=pagelist'))).toEqual(['512-1023', '1024-1535', '1536-2047']);
  });

  it.each(['merged', 'page-by-page'] as const)('page ranges: with markers, %s', async (pageRanges) => {
    Object.assign(servers.disks.behaviour, { pageRanges, rangesPerResponse: 1 });
    await putPage(0, Buffer.alloc(512, 1));
    await putPage(2048, Buffer.alloc(512, 1));
    await putPage(8192, Buffer.alloc(512, 1));
    const listed: string[] = [];
    for (let marker: string | undefined = ''; marker !== undefined; ) {
      const answer = await send('GET', `comp=pagelist&marker=${encodeURIComponent(marker)}`);
      listed.push(...listedRanges(answer));
      marker = /<NextMarker>([^<]+)</.exec(answer.body.toString())?.[1];
    }
    expect(listed).toEqual(['0-511', '2048-2559', '8192-8703']);
  });

  it('a new disk has a footer, or stale data, from the start', () => {
    servers.disks.behaviour.hasFooterFromStart = true;
    servers.disks.behaviour.staleData = [{ offset: MIB, bytes: Buffer.alloc(512, 'x') }];
    servers.arm.resources.createDisk({ name: 'stale', state: 'ActiveUpload' });
    const { content: stale } = servers.arm.resources.disk('stale');
    expect(stale.ranges()).toEqual([
      { offset: MIB, length: 512 },
      { offset: SIZE - 512, length: 512 },
    ]);
    expect(stale.read(SIZE - 512, 8).toString()).toBe('conectix');
    expect(stale.read(MIB, 1).toString()).toBe('x');
  });

  it('faults strike as on any server', async () => {
    servers.disks.faults.add({ operation: 'PutPage', nth: 1 }, { kind: 'status', status: 503, code: 'ServerBusy' });
    servers.disks.faults.add({ operation: 'PutPage', nth: 1 }, { kind: 'reset-after-commit' });
    expect(outcome(await putPage(0, Buffer.alloc(512)))).toBe('503 ServerBusy');
    await expect(putPage(0, Buffer.alloc(512))).rejects.toThrow('ECONNRESET');
    expect(content().ranges()).toEqual([{ offset: 0, length: 512 }]);
    expect(servers.disks.counters.byOperation.get('PutPage')).toBe(2);
  });
});

describe('a disk that needs a token besides its SAS', () => {
  beforeEach(() => {
    servers.arm.resources.createDisk({ name: 'entra', properties: { dataAccessAuthMode: 'AzureActiveDirectory' } });
    url = servers.arm.resources.grantAccess('entra', 'Write', 3600);
  });

  const bearer = (audience: string) => ({ authorization: `Bearer ${servers.issuer.issue(audience).token}` });

  it.each([401, 403] as const)('asks for it with %i and the audience', async (status) => {
    servers.disks.behaviour.challengeStatus = status;
    const answer = await send('HEAD');
    expect(answer.status).toBe(status);
    const challenge = answer.headers.get('www-authenticate') ?? '';
    expect(challenge).toContain('https://disk.azure.com/');
    expect(challenge).toMatch(/authorization_uri=https:\/\/[^/]+\/[\da-f]{8}-[\da-f-]{27}\//);
    expect(servers.violations).toEqual([]);
  });

  it('accepts a token for exactly its audience', async () => {
    expect((await send('HEAD', '', bearer(DISK_AUDIENCE))).status).toBe(200);
    const single = await send('GET', 'comp=pagelist', bearer('https://disk.azure.com'));
    const arm = await send('GET', 'comp=pagelist', bearer('https://management.azure.com'));
    expect([single, arm].map(outcome)).toEqual(['401 InvalidAuthenticationInfo', '401 InvalidAuthenticationInfo']);
    expect(servers.violations).toEqual([
      'GET: A token for https://disk.azure.com was sent to a disk.',
      'GET: A token for https://management.azure.com was sent to a disk.',
    ]);
  });

  it('refuses expired and unknown tokens', async () => {
    const old = bearer(DISK_AUDIENCE);
    servers.issuer.expireAll();
    expect(outcome(await send('GET', 'comp=pagelist', old))).toBe('401 InvalidAuthenticationInfo');
    expect((await send('HEAD', '', { authorization: 'Bearer abc' })).status).toBe(401);
    expect(servers.violations).toEqual([]);
  });

  it('needs the SAS as well', async () => {
    url = url.replace(/\?.*/, '?sv=2018-03-28');
    expect((await send('HEAD', '', bearer(DISK_AUDIENCE))).status).toBe(403);
  });

  it('needs the role', async () => {
    servers.disks.behaviour.hasDataOperatorRole = false;
    expect(outcome(await send('GET', 'comp=pagelist', bearer(DISK_AUDIENCE)))).toBe(
      '403 AuthorizationPermissionMismatch',
    );
  });

  it('is the only one that takes a token', async () => {
    url = servers.arm.resources.grantAccess('d', 'Write', 3600);
    expect(outcome(await send('GET', 'comp=pagelist', bearer(DISK_AUDIENCE)))).toBe('400 InvalidAuthenticationInfo');
    expect(servers.violations).toEqual(['GET: A token was sent to a disk that needs none.']);
  });
});

describe('the Storage SDK', () => {
  async function use(client: PageBlobClient): Promise<void> {
    const page = Buffer.alloc(512, 'a');
    const written = await client.uploadPages(page, 0, 512, {
      transactionalContentCrc64: Buffer.from('u661BimQ84c=', 'base64'),
    });
    expect(Buffer.from(written.xMsContentCrc64 ?? []).toString('base64')).toBe('u661BimQ84c=');
    expect((await client.getProperties()).contentLength).toBe(SIZE);
    const ranges: object[] = [];
    for await (const range of client.listPageRanges()) ranges.push(range);
    expect(ranges).toMatchObject([{ start: 0, end: 511 }]);
    expect((await client.downloadToBuffer(0, 512)).equals(page)).toBe(true);
  }

  it('uploads and reads without a violation', async () => {
    await use(new PageBlobClient(url, new AnonymousCredential(), { retryOptions: { maxTries: 1 } }));
    expect(servers.violations).toEqual([]);
  });

  it('signs in to a disk that needs a token, by HTTPS', async () => {
    await servers.close();
    servers = await startManagedDisks({ tls: true });
    servers.arm.resources.createDisk({ name: 'entra', properties: { dataAccessAuthMode: 'AzureActiveDirectory' } });
    const entra = servers.arm.resources.grantAccess('entra', 'Write', 3600);
    const options = { retryOptions: { maxTries: 1 }, agent: new Agent({ ca: servers.caCertificate ?? '' }) };
    await use(
      new PageBlobClient(entra, servers.credential, { ...options, audience: 'https://disk.azure.com//.default' }),
    );
    expect(servers.violations).toEqual([]);
    // Without the audience the SDK sends a token for storage accounts first, and replaces it when it is challenged.
    await use(new PageBlobClient(entra, servers.credential, options));
    expect(servers.credential.requests.at(-1)?.audience).toBe('https://disk.azure.com/');
    expect(servers.violations[0]).toBe('PUT: A token for https://storage.azure.com was sent to a disk.');
  });
});

describe('a host instead of a path', () => {
  it('names the account', async () => {
    await servers.close();
    servers = await startManagedDisks({ hostStyle: true, disks: [{ name: 'd' }] });
    const granted = new URL(servers.arm.resources.grantAccess('d', 'Write', 3600));
    expect(granted.hostname).toMatch(/^md-impexp-[a-z0-9]{12}\.z12\.blob\.localhost$/);
    url = `http://127.0.0.1:${granted.port}${granted.pathname}${granted.search}`;
    expect((await send('HEAD', '', { host: granted.host })).status).toBe(200);
    expect((await send('HEAD')).status).not.toBe(200);
  });
});
