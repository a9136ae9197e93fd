import { describe, expect, it } from 'vitest';
import { combinedMap } from '../../src/report/combined-map.ts';
import { faultKind } from '../../src/report/faults.ts';
import { parseRequest } from '../../src/report/request-tally.ts';
import { DISK_SIZE, MIB, manifestFacts, RESULT, recordRun, START, zeros } from '../support/report-facts.ts';

const put = (offset: number, length: number, more: object = { status: 201 }) => ({
  type: 'request',
  what: `Put Page ${offset}+${length}`,
  durationMs: 1,
  ...more,
});
const SENDING = { type: 'phase', phase: 'sending' };
const mapEvent = (moved: readonly number[], more: object = {}) => ({
  type: 'map',
  size: DISK_SIZE,
  cellSize: 4 * MIB,
  before: zeros(16),
  read: moved.map((bytes) => bytes * 2),
  moved,
  ...more,
});

describe('RunRecorder', () => {
  it('counts requests, failures and faults', () => {
    const { requests, faults, rate } = recordRun([
      START,
      put(0, MIB),
      put(MIB, MIB, { status: 503, reason: 'ServerBusy' }),
      { type: 'retry', what: `Put Page ${MIB}+${MIB}`, attempt: 1, delayMs: 5, reason: 'ServerBusy', message: 'Busy.' },
      put(MIB, MIB, { reason: 'ECONNRESET' }),
      {
        type: 'retry',
        what: `Put Page ${MIB}+${MIB}`,
        attempt: 2,
        delayMs: 5,
        reason: 'ECONNRESET',
        message: 'Reset.',
      },
      put(MIB, MIB),
      { type: 'request', what: 'Get Blob Properties', status: 200, durationMs: 1 },
    ]);
    expect(requests).toEqual([
      { operation: 'Put Page', sent: 4, failed: 2, bytes: 2 * MIB },
      { operation: 'Get Blob Properties', sent: 1, failed: 0, bytes: 0 },
    ]);
    expect(faults).toMatchObject([
      { kind: 'Service busy or throttling', count: 1, reasons: [{ reason: 'ServerBusy', count: 1 }] },
      { kind: 'Connection lost or refused', count: 1, reasons: [{ reason: 'ECONNRESET', count: 1 }] },
    ]);
    expect(rate?.bytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(2 * MIB);
  });

  it('remembers the blob after the last request about it, and keeps the totals of the transfer', () => {
    const { blob, totals, concurrency, warnings, renewals } = recordRun([
      START,
      SENDING,
      { type: 'progress', done: 7, planned: 8 },
      { type: 'concurrency', requests: 12 },
      { type: 'concurrency', requests: 6 },
      { type: 'credential', state: 'expired', message: '' },
      { type: 'credential', state: 'renewed', message: '' },
      { type: 'warning', code: 'a', message: 'once' },
      { type: 'warning', code: 'a', message: 'once' },
      { type: 'phase', phase: 'verifying' },
      { type: 'progress', done: 0, planned: 8 },
      { type: 'request', what: 'Put Blob', status: 201, etag: '"0x1"', version: '2025-01-05', durationMs: 1 },
      {
        type: 'request',
        what: 'Set Blob Metadata',
        status: 200,
        etag: '"0x2"',
        lastModified: '2026-11-30T08:00:00.000Z',
        durationMs: 1,
      },
    ]);
    expect(blob).toEqual({ etag: '"0x2"', lastModified: '2026-11-30T08:00:00.000Z' });
    expect(totals).toMatchObject({ done: 7 });
    expect(concurrency).toEqual({ most: 12, last: 6 });
    expect(warnings).toEqual([{ code: 'a', message: 'once', count: 2 }]);
    expect(renewals).toBe(1);
  });

  it('has the map of the transfer and not of the comparison after it; without one, that of its requests', () => {
    const moved = [MIB, ...zeros(15)];
    const verifying = { type: 'phase', phase: 'verifying' };
    expect(recordRun([START, SENDING, mapEvent(moved), verifying, mapEvent(zeros(16))]).map).toMatchObject({ moved });
    const ofRequests = recordRun([START, SENDING, put(0, MIB), put(DISK_SIZE, 512)]).map;
    expect(ofRequests).toMatchObject({ size: DISK_SIZE, read: undefined });
    expect(ofRequests?.moved.reduce((sum, bytes) => sum + bytes, 0)).toBe(MIB);
  });

  it('does not grow with what a log contains', () => {
    const many = Array.from({ length: 5000 }, (_, index) => [
      { type: 'warning', code: `w${index}`, message: 'x' },
      { type: 'request', what: `Operation ${index}x`, status: 200, durationMs: 1 },
      { type: 'retry', reason: `R${index}` },
    ]).flat();
    const { warnings, requests, faults } = recordRun([START, ...many]);
    expect(warnings.length).toBe(50);
    expect(requests.length).toBe(41);
    expect(requests.reduce((sum, { sent }) => sum + sent, 0)).toBe(5000);
    expect(faults).toMatchObject([{ kind: 'Other', count: 5000 }]);
    expect(faults[0]?.reasons.length).toBe(41);
  });
});

describe('combinedMap', () => {
  const moved = [MIB, ...zeros(15)];

  it('is that of a run that needed no other one', () => {
    const runs = [recordRun([START, SENDING, mapEvent(moved), RESULT])];
    expect(combinedMap({ work: 'upload', runs, manifest: manifestFacts() })?.read?.[0]).toBe(2 * MIB);
  });

  it('is that of the manifest after several runs, and otherwise the sum of the runs, never above a whole cell', () => {
    const second = [0, 3 * MIB, ...zeros(14)];
    const runs = [
      recordRun([START, SENDING, mapEvent(moved)]),
      recordRun([START, SENDING, mapEvent(second, { before: [4 * MIB, ...zeros(15)] }), RESULT]),
      recordRun([START, SENDING, mapEvent(second, { before: [4 * MIB, ...zeros(15)] }), RESULT]),
    ];
    const manifest = manifestFacts();
    expect(combinedMap({ work: 'upload', runs, manifest })).toBe(manifest.map);
    const summed = combinedMap({ work: 'upload', runs, manifest: undefined });
    expect(summed?.moved.slice(0, 3)).toEqual([MIB, 4 * MIB, 0]);
    expect(summed?.before[0]).toBe(4 * MIB);
  });

  it('is unknown without a run and a manifest', () => {
    expect(combinedMap({ work: 'upload', runs: [recordRun([])], manifest: undefined })).toBeUndefined();
  });
});

it.each([
  ['Put Page 4194304+512', 'Put Page', { offset: 4194304, length: 512 }],
  ['Get Blob Properties', 'Get Blob Properties', undefined],
  ['Put Page 1+99999999999999999999', 'Put Page 1+99999999999999999999', undefined],
  ['', '', undefined],
])('the request %j is read', (what, operation, range) => {
  expect(parseRequest(what)).toEqual({ operation, range });
});

it.each([
  ['Md5Mismatch', 'Bytes damaged on the way (wrong checksum)'],
  ['ServerBusy', 'Service busy or throttling'],
  ['InternalError', 'Error inside the service'],
  ['OperationTimedOut', 'Timeout, or a connection that stalled'],
  ['ESTALLED', 'Timeout, or a connection that stalled'],
  ['ECONNRESET', 'Connection lost or refused'],
  ['ENOTFOUND', 'Name or route not found'],
  ['EPROXY', 'Proxy, or an answer from something else'],
  ['HTTP 200', 'Proxy, or an answer from something else'],
  ['UnusableAnswer', 'Answer incomplete or unreadable'],
  ['SomethingNew', 'Other'],
])('%s is a fault of its kind', (reason, kind) => {
  expect(faultKind(reason)).toBe(kind);
});
