// The behaviour that uploads need of a page-blob service: one suite for the strict test server and Azurite.

import { createHash, randomBytes } from 'node:crypto';
import { AnonymousCredential, PageBlobClient, RestError } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import { rangeHeader, rawRequest, withQuery } from '../support/raw-request.ts';
import { type StorageAccount, sasUrl, serviceClient } from '../support/storage-account.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'contract';

/** A service started for the suite. */
export interface ServiceUnderTest extends StorageAccount {
  close(): Promise<void>;
}

/** Registers the suite for a service. */
export function describePageBlobService(name: string, start: () => Promise<ServiceUnderTest>): void {
  describe(`${name} as a page-blob service`, () => {
    let service: ServiceUnderTest;
    let blobs = 0;

    const newName = () => `blob-${++blobs}.vhd`;
    const client = (blob: string) => serviceClient(service).getContainerClient(CONTAINER).getPageBlobClient(blob);
    const url = (blob: string, permissions: string) => sasUrl(service, { container: CONTAINER, blob, permissions });
    const created = async (size: number): Promise<PageBlobClient> => {
      const blob = client(newName());
      await blob.create(size);
      return blob;
    };

    beforeAll(async () => {
      service = await start();
      await serviceClient(service).getContainerClient(CONTAINER).create();
    });
    afterAll(async () => {
      await service?.close();
    });

    describe('containers', () => {
      it('refuses to create a container twice', async () => {
        await expect(serviceClient(service).getContainerClient(CONTAINER).create()).rejects.toSatisfy(
          failsWith(409, 'ContainerAlreadyExists'),
        );
      });

      it('answers 404 ContainerNotFound for a blob in a container that does not exist', async () => {
        const blob = serviceClient(service).getContainerClient('absent').getPageBlobClient('a.vhd');
        await expect(blob.create(512)).rejects.toSatisfy(failsWith(404, 'ContainerNotFound'));
      });
    });

    describe('creating', () => {
      it('creates a blob of zeros without written ranges', async () => {
        const blob = await created(MIB);
        const properties = await blob.getProperties();
        expect(properties.contentLength).toBe(MIB);
        expect(properties.blobType).toBe('PageBlob');
        expect(await rangesOf(blob)).toEqual([]);
        expect((await blob.downloadToBuffer()).equals(Buffer.alloc(MIB))).toBe(true);
      });

      it('never replaces a blob with If-None-Match: *', async () => {
        const blob = await created(MIB);
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
        await expect(blob.create(512, { conditions: { ifNoneMatch: '*' } })).rejects.toSatisfy(
          failsWith(409, 'BlobAlreadyExists'),
        );
        expect((await blob.getProperties()).contentLength).toBe(MIB);
      });

      it('replaces a blob, its contents and its metadata without a condition', async () => {
        const blob = await created(MIB);
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
        await blob.setMetadata({ old: 'yes' });
        await blob.create(2 * MIB, { metadata: { fresh: 'yes' } });
        const properties = await blob.getProperties();
        expect(properties.contentLength).toBe(2 * MIB);
        expect(properties.metadata).toEqual({ fresh: 'yes' });
        expect(await rangesOf(blob)).toEqual([]);
      });

      it('refuses a size that is not a multiple of 512', async () => {
        await expect(client(newName()).create(1000)).rejects.toSatisfy(failsWith(400));
      });

      it('keeps a name with folders, spaces and characters beyond ASCII', async () => {
        const blob = client('folder/a b+c%41 ü.vhd');
        await blob.create(512);
        await blob.uploadPages(Buffer.alloc(512, 9), 0, 512);
        const bySas = withSas(url('folder/a b+c%41 ü.vhd', 'r'));
        expect((await bySas.downloadToBuffer()).every((byte) => byte === 9)).toBe(true);
      });
    });

    describe('writing pages', () => {
      it('returns what was written, and zeros around it', async () => {
        const blob = await created(MIB);
        const bytes = randomBytes(1024);
        await blob.uploadPages(bytes, 4096, bytes.length);
        const found = await blob.downloadToBuffer();
        expect(found.subarray(4096, 5120).equals(bytes)).toBe(true);
        expect(found.subarray(0, 4096).equals(Buffer.alloc(4096))).toBe(true);
        expect(found.subarray(5120).equals(Buffer.alloc(MIB - 5120))).toBe(true);
      });

      it('accepts 4 MiB at once', async () => {
        const blob = await created(8 * MIB);
        const bytes = randomBytes(4 * MIB);
        await blob.uploadPages(bytes, 4 * MIB, bytes.length);
        expect((await blob.downloadToBuffer(4 * MIB, 4 * MIB)).equals(bytes)).toBe(true);
      });

      it('changes the ETag with each write', async () => {
        const blob = await created(MIB);
        const seen = new Set([(await blob.getProperties()).etag]);
        for (let i = 0; i < 3; i++) seen.add((await blob.uploadPages(Buffer.alloc(512, i), 0, 512)).etag);
        seen.add((await blob.setMetadata({ a: 'b' })).etag);
        expect(seen.size).toBe(5);
      });

      it('refuses a write past the end of the blob with 416', async () => {
        const blob = await created(MIB);
        await expect(blob.uploadPages(Buffer.alloc(512), MIB, 512)).rejects.toSatisfy(failsWith(416));
      });

      it('refuses to write into a blob that does not exist', async () => {
        await expect(client(newName()).uploadPages(Buffer.alloc(512), 0, 512)).rejects.toSatisfy(
          failsWith(404, 'BlobNotFound'),
        );
      });

      it('refuses to write pages into a block blob', async () => {
        const name = newName();
        await serviceClient(service).getContainerClient(CONTAINER).getBlockBlobClient(name).upload('text', 4);
        await expect(client(name).uploadPages(Buffer.alloc(512), 0, 512)).rejects.toSatisfy(
          failsWith(409, 'InvalidBlobType'),
        );
      });

      it('accepts many parallel writes', async () => {
        const blob = await created(16 * MIB);
        const bytes = randomBytes(16 * MIB);
        const offsets = Array.from({ length: 64 }, (_, i) => i * MIB * 0.25);
        await Promise.all(offsets.map((at) => blob.uploadPages(bytes.subarray(at, at + MIB / 4), at, MIB / 4)));
        expect(sha256(await blob.downloadToBuffer())).toBe(sha256(bytes));
      });
    });

    describe('page ranges', () => {
      it('lists written pages, zeros too, and not those never written', async () => {
        const blob = await created(16 * MIB);
        await blob.uploadPages(Buffer.alloc(512, 1), 512, 512);
        await blob.uploadPages(Buffer.alloc(4096), MIB, 4096);
        expect(await rangesOf(blob)).toEqual([
          { offset: 512, length: 512 },
          { offset: MIB, length: 4096 },
        ]);
      });

      it('no longer lists cleared pages, which read as zeros', async () => {
        const blob = await created(MIB);
        await blob.uploadPages(Buffer.alloc(8192, 5), 0, 8192);
        await blob.clearPages(1024, 2048);
        expect(await rangesOf(blob)).toEqual([
          { offset: 0, length: 1024 },
          { offset: 3072, length: 5120 },
        ]);
        expect((await blob.downloadToBuffer(1024, 2048)).equals(Buffer.alloc(2048))).toBe(true);
      });

      it('clears more than 4 MiB at once', async () => {
        const blob = await created(16 * MIB);
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
        await blob.uploadPages(Buffer.alloc(512, 1), 12 * MIB, 512);
        await blob.clearPages(0, 16 * MIB);
        expect(await rangesOf(blob)).toEqual([]);
      });

      it('lists only ranges within the requested range', async () => {
        const blob = await created(MIB);
        await blob.uploadPages(Buffer.alloc(8192, 5), 0, 8192);
        expect(await rangesOf(blob, 4096, 1024)).toEqual([{ offset: 4096, length: 1024 }]);
      });
    });

    describe('metadata and properties', () => {
      it('keeps metadata until the next Set Metadata, which replaces all of it', async () => {
        const blob = client(newName());
        await blob.create(512, { metadata: { vhdup_upload_id: 'one', vhdup: 'two' } });
        expect((await blob.getProperties()).metadata).toEqual({ vhdup_upload_id: 'one', vhdup: 'two' });
        await blob.setMetadata({ other: 'three' });
        expect((await blob.getProperties()).metadata).toEqual({ other: 'three' });
      });

      it('keeps the Content-MD5 it is given, whatever is written later', async () => {
        const blob = await created(MIB);
        const md5 = randomBytes(16);
        await blob.setHTTPHeaders({ blobContentMD5: md5, blobContentType: 'application/octet-stream' });
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
        const properties = await blob.getProperties();
        expect(Buffer.from(properties.contentMD5 ?? []).equals(md5)).toBe(true);
      });

      it('grows and shrinks a blob', async () => {
        const blob = await created(MIB);
        await blob.uploadPages(Buffer.alloc(512, 7), MIB - 512, 512);
        await blob.resize(2 * MIB);
        expect((await blob.getProperties()).contentLength).toBe(2 * MIB);
        await blob.resize(512);
        expect((await blob.getProperties()).contentLength).toBe(512);
        expect(await rangesOf(blob)).toEqual([]);
      });
    });

    describe('conditions', () => {
      it('writes only with the right ETag if If-Match is given', async () => {
        const blob = await created(MIB);
        const { etag: ifMatch = '' } = await blob.getProperties();
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512, { conditions: { ifMatch } });
        await expect(blob.uploadPages(Buffer.alloc(512, 2), 0, 512, { conditions: { ifMatch } })).rejects.toSatisfy(
          failsWith(412, 'ConditionNotMet'),
        );
        expect((await blob.downloadToBuffer(0, 512)).equals(Buffer.alloc(512, 1))).toBe(true);
      });

      it('writes only with the right sequence number', async () => {
        const blob = await created(MIB);
        await blob.updateSequenceNumber('update', 7);
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512, { conditions: { ifSequenceNumberEqualTo: 7 } });
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512, { conditions: { ifSequenceNumberLessThan: 8 } });
        await expect(
          blob.uploadPages(Buffer.alloc(512, 2), 0, 512, { conditions: { ifSequenceNumberEqualTo: 6 } }),
        ).rejects.toSatisfy(failsWith(412, 'SequenceNumberConditionNotMet'));
        await expect(
          blob.uploadPages(Buffer.alloc(512, 2), 0, 512, { conditions: { ifSequenceNumberLessThan: 7 } }),
        ).rejects.toSatisfy(failsWith(412, 'SequenceNumberConditionNotMet'));
        await expect(
          blob.uploadPages(Buffer.alloc(512, 2), 0, 512, { conditions: { ifSequenceNumberLessThanOrEqualTo: 6 } }),
        ).rejects.toSatisfy(failsWith(412, 'SequenceNumberConditionNotMet'));
        await blob.updateSequenceNumber('increment');
        expect((await blob.getProperties()).blobSequenceNumber).toBe(8);
      });
    });

    describe('leases', () => {
      it('lets only the holder write', async () => {
        const blob = await created(MIB);
        const { leaseId = '' } = await blob.getBlobLeaseClient().acquireLease(-1);
        const write = (id?: string) =>
          blob.uploadPages(Buffer.alloc(512, 1), 0, 512, { ...(id && { conditions: { leaseId: id } }) });
        await expect(write()).rejects.toSatisfy(failsWith(412, 'LeaseIdMissing'));
        await expect(write('11111111-1111-4111-8111-111111111111')).rejects.toSatisfy(
          failsWith(412, 'LeaseIdMismatchWithBlobOperation'),
        );
        await write(leaseId);
        await expect(blob.create(512)).rejects.toSatisfy(failsWith(412, 'LeaseIdMissing'));
        await expect(blob.delete()).rejects.toSatisfy(failsWith(412, 'LeaseIdMissing'));
      });

      it('refuses a second holder, and accepts it after release', async () => {
        const blob = await created(512);
        const first = blob.getBlobLeaseClient();
        await first.acquireLease(60);
        const properties = await blob.getProperties();
        expect([properties.leaseState, properties.leaseStatus, properties.leaseDuration]).toEqual([
          'leased',
          'locked',
          'fixed',
        ]);
        await expect(blob.getBlobLeaseClient().acquireLease(60)).rejects.toSatisfy(
          failsWith(409, 'LeaseAlreadyPresent'),
        );
        await first.releaseLease();
        await blob.getBlobLeaseClient().acquireLease(15);
      });

      it('renews, changes and breaks', async () => {
        const blob = await created(512);
        const lease = blob.getBlobLeaseClient();
        await lease.acquireLease(30);
        await lease.renewLease();
        await lease.changeLease('22222222-2222-4222-8222-222222222222');
        await lease.renewLease();
        await lease.breakLease(0);
        expect((await blob.getProperties()).leaseState).toBe('broken');
        await expect(lease.renewLease()).rejects.toSatisfy(failsWith(409, 'LeaseIsBrokenAndCannotBeRenewed'));
        await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
      });

      it('refuses a write that names a lease if the blob has none', async () => {
        const blob = await created(512);
        const conditions = { leaseId: '33333333-3333-4333-8333-333333333333' };
        await expect(blob.uploadPages(Buffer.alloc(512), 0, 512, { conditions })).rejects.toSatisfy(
          failsWith(412, 'LeaseNotPresentWithBlobOperation'),
        );
      });
    });

    describe('shared access signatures', () => {
      it.each([
        ['w', { create: true, put: true, head: false, list: false, remove: false }],
        ['c', { create: true, put: false, head: false, list: false, remove: false }],
        ['r', { create: false, put: false, head: true, list: true, remove: false }],
        ['rw', { create: true, put: true, head: true, list: true, remove: false }],
        ['d', { create: false, put: false, head: false, list: false, remove: true }],
      ])('with sp=%s allow exactly these operations', async (permissions, allowed) => {
        const fresh = newName();
        const blob = await created(512);
        const make = withSas(url(fresh, permissions));
        const use = withSas(url(blob.name, permissions));
        const found = {
          create: await isAllowed(() => make.create(512, { conditions: { ifNoneMatch: '*' } })),
          put: await isAllowed(() => use.uploadPages(Buffer.alloc(512), 0, 512)),
          head: await isAllowed(() => use.getProperties()),
          list: await isAllowed(() => rangesOf(use)),
          remove: await isAllowed(() => use.delete()),
        };
        expect(found).toEqual(allowed);
      });

      it('are refused after their expiry', async () => {
        const blob = await created(512);
        const expiresOn = new Date(Date.now() - 60_000);
        const expired = sasUrl(service, { container: CONTAINER, blob: blob.name, permissions: 'r', expiresOn });
        const response = await rawRequest(expired, { method: 'HEAD' });
        expect(response.status).toBe(403);
      });

      it('are refused with a changed signature or a widened permission', async () => {
        const blob = await created(512);
        const readOnly = url(blob.name, 'r');
        const widened = readOnly.replace('sp=r', 'sp=rw');
        const forged = readOnly.replace(/sig=([^&]{4})/, 'sig=AAAA');
        for (const bad of [widened, forged]) expect((await rawRequest(bad, { method: 'HEAD' })).status).toBe(403);
      });

      it('are valid for one blob only', async () => {
        const [one, two] = [await created(512), await created(512)];
        const elsewhere = url(one.name, 'r').replace(one.name, two.name);
        expect((await rawRequest(elsewhere, { method: 'HEAD' })).status).toBe(403);
      });
    });

    describe('over plain HTTP requests', () => {
      it('answers Put Page with 201, ETag and Last-Modified', async () => {
        const blob = await created(MIB);
        const response = await rawRequest(withQuery(url(blob.name, 'w'), 'comp=page'), {
          method: 'PUT',
          headers: { 'x-ms-page-write': 'update', 'x-ms-range': rangeHeader(0, 512) },
          body: Buffer.alloc(512, 3),
        });
        expect(response.status).toBe(201);
        expect(response.headers.get('etag')).toMatch(/^"0x[0-9A-F]+"$/);
        expect(Date.parse(response.headers.get('last-modified') ?? '')).not.toBeNaN();
        expect(response.headers.has('x-ms-request-id')).toBe(true);
      });

      it('answers a range of Get Blob with 206 and Content-Range', async () => {
        const blob = await created(MIB);
        await blob.uploadPages(Buffer.alloc(1024, 3), 0, 1024);
        const response = await rawRequest(url(blob.name, 'r'), {
          method: 'GET',
          headers: { 'x-ms-range': rangeHeader(1000, 100) },
        });
        expect(response.status).toBe(206);
        expect(response.headers.get('content-range')).toBe(`bytes 1000-1099/${MIB}`);
        expect(response.body.equals(Buffer.concat([Buffer.alloc(24, 3), Buffer.alloc(76)]))).toBe(true);
      });

      it('answers HEAD of a blob that does not exist with 404 and x-ms-error-code', async () => {
        const response = await rawRequest(url(newName(), 'r'), { method: 'HEAD' });
        expect([response.status, response.errorCode]).toEqual([404, 'BlobNotFound']);
      });

      it('refuses requests without credentials', async () => {
        const blob = await created(512);
        const response = await rawRequest(blob.url, { method: 'DELETE' });
        expect([401, 403, 404, 409]).toContain(response.status);
        expect(await blob.exists()).toBe(true);
      });
    });

    it('deletes a blob', async () => {
      const blob = await created(512);
      await blob.delete();
      expect(await blob.exists()).toBe(false);
    });
  });
}

/** A client for a SAS URL. */
function withSas(url: string): PageBlobClient {
  return new PageBlobClient(url, new AnonymousCredential());
}

/** Whether an error is an answer of the service with this status and, if given, this code. */
export function failsWith(status: number, code?: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof RestError && error.statusCode === status && (code === undefined || error.code === code);
}

/** The written ranges, neighbours merged: Azurite lists one per write. */
async function rangesOf(blob: PageBlobClient, offset?: number, count?: number): Promise<ByteRange[]> {
  const ranges: ByteRange[] = [];
  for await (const { start, end } of blob.listPageRanges(offset, count)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === start) {
      ranges[ranges.length - 1] = { offset: last.offset, length: end + 1 - last.offset };
    } else ranges.push({ offset: start, length: end + 1 - start });
  }
  return ranges;
}

/** False if the service answers 403. Any other failure fails the test. */
async function isAllowed(operation: () => Promise<unknown>): Promise<boolean> {
  try {
    await operation();
    return true;
  } catch (error) {
    if (error instanceof RestError && error.statusCode === 403) return false;
    throw error;
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
