// Credentials that expire during an upload, and insufficient ones.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { RenewSas, SasRequest, TokenSource } from '../../../src/azure/auth/credentials.ts';
import type { UploadEvent } from '../../../src/events.ts';
import type { UploadOptions } from '../../../src/options.ts';
import { uploadImage } from '../../../src/upload/upload.ts';
import { type PageBlobServer, startPageBlobServer } from '../../support/page-blob-server/server.ts';
import { signatureFor } from '../../support/sas-samples.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from '../../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const CONTAINER = 'vhds';
const BLOB = 'disk.vhd';

let server: PageBlobServer;

beforeEach(async () => {
  await server?.close();
  server = await startPageBlobServer();
  server.createContainer(CONTAINER);
});

afterAll(() => server.close());

const SIZE = 48 * MIB;

async function makeImage() {
  const contents = [{ offset: 0, bytes: patternOf(1, SIZE) }];
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: SIZE, contents, uniqueId: uniqueIdOf(1) });
  return { path, disk: diskOf(SIZE, contents) };
}

function newUrl(permissions = 'rw'): string {
  return server.sasUrl({ container: CONTAINER, blob: BLOB, permissions });
}

function sasOf(url: string): string {
  return url.slice(url.indexOf('?') + 1);
}

function upload(image: string, more: Partial<UploadOptions> = {}) {
  const events: UploadEvent[] = [];
  const done = uploadImage({
    image,
    destination: newUrl(),
    threads: 4,
    retryDelayMs: 1,
    maxRetryDelayMs: 5,
    onEvent: (event) => events.push(event),
    ...more,
  });
  // Tests check the outcome later.
  done.catch(() => undefined);
  return { events, done };
}

function credentialEvents(events: readonly UploadEvent[]) {
  return events.flatMap((event) => (event.type === 'credential' ? [event.state] : []));
}

function expectBlobHolds(disk: Uint8Array): void {
  expectSameBytes(server.blob(CONTAINER, BLOB).read(0, disk.length), disk);
  expect(server.blob(CONTAINER, BLOB).metadata.get('vhdup_state')).toBe('complete');
}

/** The ways in which a SAS becomes invalid. */
const ENDS: Readonly<Record<string, () => void>> = {
  'is withdrawn': () => server.expireSas(),
  'comes to its time': () => server.advanceClock(2 * HOUR_MS),
};

describe('a SAS that expires', () => {
  for (const [how, end] of Object.entries(ENDS)) {
    it.each([1, 4, 16])(
      `because it ${how}: one new one is asked for, and the upload goes on (%i threads)`,
      async (threads) => {
        const { path, disk } = await makeImage();
        const requests: SasRequest[] = [];
        const renewSas: RenewSas = (request) => {
          requests.push(request);
          return Promise.resolve(newUrl());
        };
        const { done, events } = upload(path, { renewSas, threads });
        await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
        end();
        const result = await done;
        expectBlobHolds(disk);
        expect(requests.map(({ attempt }) => attempt)).toEqual([1]);
        expect(requests[0]?.problem).toMatch(/expired/);
        expect(credentialEvents(events)).toEqual(['expired', 'renewed']);
        // If the clock moved, the lease has expired too: requests in flight fail and are sent again.
        expect(result.retries).toBeLessThanOrEqual(how === 'is withdrawn' ? 0 : threads);
        expect(result.sent).toBe(SIZE + 512);
      },
    );

    it(`because it ${how}: without a new SAS, the upload stops and can be resumed`, async () => {
      const { path, disk } = await makeImage();
      const { done } = upload(path);
      await server.when(() => server.counters.bytesCommitted >= 16 * MIB);
      end();
      expect(await failureOf(done)).toMatchObject({
        code: 'CREDENTIALS',
        exitCode: 8,
        isExpired: true,
        message: expect.stringContaining('expired'),
      });
      const result = await upload(path).done;
      expect(result.sentBefore).toBeGreaterThanOrEqual(8 * MIB);
      expectBlobHolds(disk);
    });
  }

  it('may expire repeatedly, at each kind of request', async () => {
    const { path, disk } = await makeImage();
    let renewals = 0;
    const renewSas = () => {
      renewals += 1;
      return Promise.resolve(newUrl());
    };
    for (const operation of ['GetBlobProperties', 'PutBlob', 'PutPage', 'GetPageRanges', 'SetBlobMetadata'] as const) {
      let times = 0;
      const end = () => {
        if ((server.counters.byOperation.get(operation) ?? 0) <= times) return false;
        times += 1;
        server.expireSas();
        return times === 2;
      };
      void server.when(end);
    }
    const { done } = upload(path, { renewSas, threads: 1 });
    await done;
    expectBlobHolds(disk);
    expect(renewals).toBeGreaterThanOrEqual(4);
  });

  it('pauses the upload: nothing is sent meanwhile, and an abort ends the wait', async () => {
    const { path } = await makeImage();
    const stop = new AbortController();
    let asked: SasRequest | undefined;
    const renewSas: RenewSas = (request) => {
      asked = request;
      return new Promise(() => undefined);
    };
    const { done } = upload(path, { renewSas, signal: stop.signal });
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    server.expireSas();
    await server.when(() => (server.counters.byErrorCode.get('AuthenticationFailed') ?? 0) === 4);
    await server.when(() => server.counters.inFlight === 0);
    const pages = server.counters.byOperation.get('PutPage');
    const reason = new Error('stopped by the test');
    stop.abort(reason);
    expect(await failureOf(done)).toBe(reason);
    expect(server.counters.byOperation.get('PutPage')).toBe(pages);
    expect(asked?.signal.aborted).toBe(true);
    expect(existsSync(`${path}.vhdup.json`)).toBe(true);
  });

  it('pauses the upload for at most giveUpAfterMs', async () => {
    const { path } = await makeImage();
    const { done } = upload(path, { renewSas: () => new Promise(() => undefined), giveUpAfterMs: 50 });
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    server.expireSas();
    expect(await failureOf(done)).toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringContaining('no new one'),
    });
    expect(existsSync(`${path}.vhdup.json`)).toBe(true);
  });

  it('stops the upload if there is no new SAS', async () => {
    const { path } = await makeImage();
    const { done } = upload(path, { renewSas: () => Promise.resolve(undefined) });
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    server.expireSas();
    expect(await failureOf(done)).toMatchObject({ code: 'CREDENTIALS', isExpired: true });
  });

  it('may have expired before the upload starts', async () => {
    const { path, disk } = await makeImage();
    const expired = server.sasUrl({
      container: CONTAINER,
      blob: BLOB,
      permissions: 'rw',
      expiresOn: new Date(Date.now() - HOUR_MS),
    });
    expect(await failureOf(upload(path, { destination: expired }).done)).toMatchObject({ isExpired: true });
    expect(server.counters.requests).toBe(0);
    const { done, events } = upload(path, { destination: expired, renewSas: () => Promise.resolve(newUrl()) });
    await done;
    expectBlobHolds(disk);
    expect(credentialEvents(events)).toEqual(['expired', 'renewed']);
  });
});

describe('a replacement SAS', () => {
  /** Uploads until the first SAS has expired, with these replacements, and returns the reported events. */
  async function renewedWith(answers: readonly (() => string)[]) {
    const { path, disk } = await makeImage();
    const problems: string[] = [];
    const renewSas: RenewSas = ({ attempt, problem }) => {
      problems.push(problem);
      return Promise.resolve((answers[Math.min(attempt, answers.length) - 1] ?? newUrl)());
    };
    const { done, events } = upload(path, { renewSas });
    await server.when(() => server.counters.bytesCommitted >= 8 * MIB);
    server.expireSas();
    return { disk, problems, events, done };
  }

  it.each<readonly [string, () => string]>([
    ['alone', () => sasOf(newUrl())],
    ['with a question mark and in a line', () => `?${sasOf(newUrl())}\r\n`],
    ['in quotes', () => `"${sasOf(newUrl())}"\n`],
    ['in a URL', () => newUrl()],
    ['in a URL of the container', () => server.sasUrl({ container: CONTAINER, permissions: 'racwdl' })],
    ['of the account', () => server.accountSas('rwc')],
  ])('is accepted %s', async (_, answer) => {
    const { disk, done } = await renewedWith([answer]);
    await done;
    expectBlobHolds(disk);
  });

  it('is refused with a reason, and another one is requested', async () => {
    const { disk, problems, events, done } = await renewedWith([
      () => '',
      () => 'sp=rw&se=2099-01-01',
      () => newUrl('r'),
      () => newUrl().replace(BLOB, 'other.vhd'),
      () => newUrl().replace(/sig=[^&]*/, `sig=${encodeURIComponent(signatureFor('wrong'))}`),
      () => newUrl(),
    ]);
    await done;
    expectBlobHolds(disk);
    expect(problems).toEqual([
      expect.stringContaining('expired'),
      expect.stringContaining('empty'),
      expect.stringContaining('no signature'),
      expect.stringContaining('missing w'),
      expect.stringContaining('other.vhd'),
      expect.stringContaining('AuthenticationFailed'),
    ]);
    expect(credentialEvents(events).filter((state) => state === 'refused')).toHaveLength(5);
  });

  it('stops the upload if it is unusable too often; the upload can be resumed', async () => {
    const { problems, done } = await renewedWith([
      () => newUrl().replace(/sig=[^&]*/, `sig=${encodeURIComponent(signatureFor(String(Math.random())))}`),
    ]);
    expect(await failureOf(done)).toMatchObject({ code: 'CREDENTIALS', isExpired: true });
    expect(problems).toHaveLength(10);
  });

  it('passes on the error of renewSas unchanged', async () => {
    const reason = new Error('no more');
    const { done } = await renewedWith([
      () => {
        throw reason;
      },
    ]);
    expect(await failureOf(done)).toBe(reason);
  });
});

describe('a SAS that will expire too soon', () => {
  it('causes one warning, as soon as the amount of data is known', async () => {
    const { path } = await makeImage();
    const destination = server.sasUrl({
      container: CONTAINER,
      blob: BLOB,
      permissions: 'rw',
      expiresOn: new Date(Date.now() + 10_000),
    });
    const stop = new AbortController();
    const { done, events } = upload(path, { destination, maxRate: 4 * MIB, signal: stop.signal });
    await server.when(() => server.counters.bytesCommitted >= 4 * MIB);
    stop.abort();
    await failureOf(done);
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
    expect(warnings).toEqual(['sas-ends-too-soon']);
  });
});

describe('an insufficient SAS', () => {
  it.each([
    ['another service', (sas: string) => sas.replace('ss=b', 'ss=f'), 'ss=b'],
    ['other resources', (sas: string) => sas.replace(/srt=\w+/, 'srt=sc'), 'srt=o'],
    ['the future', (sas: string) => `${sas}&st=2999-01-01T00:00:00Z`, 'not valid before'],
  ])('is reported before anything is sent: %s', async (_, change, message) => {
    const { path } = await makeImage();
    const destination = `${server.urlOf(CONTAINER, BLOB)}?${change(server.accountSas('rw'))}`;
    expect(await failureOf(upload(path, { destination }).done)).toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringContaining(message),
    });
    expect(server.counters.requests).toBe(0);
  });

  it('cannot create a container', async () => {
    const { path } = await makeImage();
    for (const destination of [newUrl(), `${server.urlOf(CONTAINER, BLOB)}?${server.accountSas('rwc', 'o')}`]) {
      expect(await failureOf(upload(path, { destination, createContainer: true }).done)).toMatchObject({
        code: 'CREDENTIALS',
        message: expect.stringContaining('--create-container'),
      });
    }
    expect(server.counters.requests).toBe(0);
  });

  it('reports a SAS that is not valid yet, and the clock difference', async () => {
    const { path } = await makeImage();
    const destination = server.sasUrl({
      container: CONTAINER,
      blob: BLOB,
      permissions: 'rw',
      startsOn: new Date(),
      expiresOn: new Date(Date.now() + 4 * HOUR_MS),
    });
    server.advanceClock(-HOUR_MS);
    const { message } = await failureOf(upload(path, { destination }).done);
    expect(message).toContain('not valid before');
    expect(message).toContain('60 min ahead');
  });
});

describe('an account key and a wrong clock', () => {
  it('reports the clock difference', async () => {
    const { path } = await makeImage();
    server.advanceClock(20 * 60_000);
    const credential = { kind: 'account-key', accountName: server.account, accountKey: server.key } as const;
    const { done } = upload(path, { destination: server.urlOf(CONTAINER, BLOB), credential });
    expect((await failureOf(done)).message).toContain('20 min behind');
  });
});

describe('tokens of Microsoft Entra', () => {
  it('are renewed before they expire, during the upload', async () => {
    await server.close();
    server = await startPageBlobServer({ tls: true, bearerToken: 'token-0' });
    server.createContainer(CONTAINER);
    const { path, disk } = await makeImage();
    let issued = 0;
    const source: TokenSource = {
      getToken: () => {
        server.bearerToken = `token-${issued}`;
        issued += 1;
        return Promise.resolve({ token: `token-${issued - 1}`, expiresOnTimestamp: Date.now() + 400 });
      },
    };
    server.model.latencyMs = 100;
    const previous = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const { done } = upload(path, {
        destination: server.urlOf(CONTAINER, BLOB),
        credential: { kind: 'token', source },
        threads: 1,
      });
      const result = await done;
      expect(result.retries).toBe(0);
    } finally {
      if (previous === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = previous;
    }
    expect(issued).toBeGreaterThan(2);
    expectBlobHolds(disk);
  });
});
