// All network and service faults at once: the upload still ends with the right bytes.
import { describe, expect, it, onTestFinished } from 'vitest';
import { uploadImage } from '../../src/upload/upload.ts';
import { type Fault, internalError, operationTimedOut, serverBusy } from '../support/page-blob-server/faults.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import { SIGNATURE, sasWith } from '../support/sas-samples.ts';
import { buildImage, expectBlobIs, SMALL_DISK, spreadDisk } from '../support/spread-disk.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const FAULTS: readonly Fault[] = [
  internalError(),
  operationTimedOut(),
  serverBusy(),
  serverBusy(0),
  { kind: 'status', status: 408, code: 'RequestTimeout' },
  { kind: 'status', status: 429, code: 'TooManyRequests' },
  { kind: 'status', status: 502, code: 'BadGateway' },
  { kind: 'status', status: 504, code: 'GatewayTimeout' },
  { kind: 'proxy-page', status: 200 },
  { kind: 'proxy-page', status: 502 },
  { kind: 'reset-before-read' },
  { kind: 'reset-after-commit' },
  { kind: 'stall-body' },
  { kind: 'stall-answer' },
  { kind: 'delay-answer', delayMs: 20 },
  { kind: 'truncated-answer' },
  { kind: 'garbled-answer', form: 'not-http' },
  { kind: 'garbled-answer', form: 'wrong-content' },
  { kind: 'flip-received-bit', bit: 4711 },
];

describe('all faults mixed', () => {
  it.each([
    ['1 %', 0.01, 1],
    ['10 %', 0.1, 2],
    ['30 %', 0.3, 3],
    ['30 %', 0.3, 4],
    ['30 %', 0.3, 5],
  ])('at %s of the requests, seed %#: the bytes are right', async (_, rate, seed) => {
    const server = await startPageBlobServer({ seed });
    onTestFinished(() => server.close());
    server.createContainer('vhds');
    // A rule applies only if no rule before it did.
    let left = 1;
    for (const fault of FAULTS) {
      server.faults.add({ probability: rate / FAULTS.length / left }, fault);
      left -= rate / FAULTS.length;
    }
    const disk = spreadDisk(32);
    const image = await buildImage(disk);
    const result = await uploadImage({
      image,
      destination: server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' }),
      stallTimeoutMs: 150,
      retryDelayMs: 2,
      maxRetryDelayMs: 20,
    });
    const blob = server.blob('vhds', 'disk.vhd');
    expectBlobIs(disk, blob);
    expect(blob.metadata.get('vhdup_state')).toBe('complete');
    expect(result.verified).toBe('ranges');
    if (rate > 0.05) expect(result.retries).toBeGreaterThan(0);
  });
});

describe('a host that does not exist', () => {
  it('is given up soon, because waiting does not correct a mistyped name', async () => {
    const image = await buildImage(SMALL_DISK);
    const destination = `https://account.blob.core.windows.invalid/vhds/disk.vhd?${sasWith()}`;
    const failure = await failureOf(uploadImage({ image, destination, retryDelayMs: 1 }));
    expect(failure).toMatchObject({ code: 'SERVICE', message: expect.stringContaining('Check the address') });
    expect(JSON.stringify(failure) + failure.stack).not.toContain(SIGNATURE.slice(4, 12));
  });
});
