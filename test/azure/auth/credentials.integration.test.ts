// Credentials that expire during an upload, and insufficient ones.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RenewSas, SasRequest, TokenSource } from '../../../src/azure/auth/credentials.ts';
import type { UploadEvent } from '../../../src/events.ts';
import type { UploadOptions } from '../../../src/options.ts';
import { uploadImage } from '../../../src/upload/upload.ts';
import { withoutTlsCheck } from '../../support/environment.ts';
import { signatureFor } from '../../support/sas-samples.ts';
import { buildImage, expectBlobIs, PIECE, spreadDisk } from '../../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  hasCommitted,
  isComplete,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../../support/target-server.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const THREADS = 2;
const DISK = spreadDisk(8);
const DATA = 8 * PIECE;

useServer();

function sasOf(url: string): string {
  return url.slice(url.indexOf('?') + 1);
}

function upload(image: string, more: Partial<UploadOptions> = {}) {
  const events: UploadEvent[] = [];
  const done = uploadImage({
    image,
    destination: blobUrl(),
    threads: THREADS,
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

function expectUploaded(): void {
  expectBlobIs(DISK, storedBlob());
  expect(isComplete()).toBe(true);
}

/** The ways in which a SAS becomes invalid. */
const ENDS: Readonly<Record<string, () => void>> = {
  'is withdrawn': () => server.expireSas(),
  'comes to its time': () => server.advanceClock(2 * HOUR_MS),
};

describe('a SAS that expires', () => {
  for (const [how, end] of Object.entries(ENDS)) {
    it.each([1, 4, 16])(
      `because it ${how}: one new one is asked for, and the upload continues (%i threads)`,
      async (threads) => {
        const path = await buildImage(DISK);
        const requests: SasRequest[] = [];
        const renewSas: RenewSas = (request) => {
          requests.push(request);
          return Promise.resolve(blobUrl());
        };
        const { done, events } = upload(path, { renewSas, threads });
        await server.when(() => hasCommitted(2 * PIECE));
        end();
        const result = await done;
        expectUploaded();
        expect(requests.map(({ attempt }) => attempt)).toEqual([1]);
        expect(requests[0]?.problem).toMatch(/expired/);
        expect(credentialEvents(events)).toEqual(['expired', 'renewed']);
        // If the clock moved, the lease has expired too: requests in flight fail and are sent again.
        expect(result.retries).toBeLessThanOrEqual(how === 'is withdrawn' ? 0 : threads);
        expect(result.sent).toBe(DATA + 512);
      },
    );

    it(`because it ${how}: without a new SAS, the upload stops and can be resumed`, async () => {
      const path = await buildImage(DISK);
      const { done } = upload(path);
      await server.when(() => hasCommitted(4 * PIECE));
      end();
      expect(await failureOf(done)).toMatchObject({
        code: 'CREDENTIALS',
        exitCode: 8,
        isExpired: true,
        message: expect.stringContaining('expired'),
      });
      const result = await upload(path).done;
      expect(result.sentBefore).toBeGreaterThanOrEqual(2 * PIECE);
      expectUploaded();
    });
  }

  it('may expire repeatedly, at each kind of request', async () => {
    const path = await buildImage(DISK);
    let renewals = 0;
    const renewSas = () => {
      renewals += 1;
      return Promise.resolve(blobUrl());
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
    expectUploaded();
    expect(renewals).toBeGreaterThanOrEqual(4);
  });

  it('pauses the upload: nothing is sent meanwhile, and an abort ends the wait', async () => {
    const path = await buildImage(DISK);
    const stop = new AbortController();
    let askedFor: ((request: SasRequest) => void) | undefined;
    const asked = new Promise<SasRequest>((resolve) => {
      askedFor = resolve;
    });
    const renewSas: RenewSas = (request) => {
      askedFor?.(request);
      return new Promise(() => undefined);
    };
    const { done } = upload(path, { renewSas, signal: stop.signal });
    await server.when(() => hasCommitted(2 * PIECE));
    server.expireSas();
    await server.when(() => (server.counters.byErrorCode.get('AuthenticationFailed') ?? 0) === THREADS);
    const { signal } = await asked;
    await server.when(() => server.counters.inFlight === 0);
    const pages = server.counters.byOperation.get('PutPage');
    const reason = new Error('stopped by the test');
    stop.abort(reason);
    expect(await failureOf(done)).toBe(reason);
    expect(server.counters.byOperation.get('PutPage')).toBe(pages);
    expect(signal.aborted).toBe(true);
    expect(existsSync(`${path}.vhdup.json`)).toBe(true);
  });

  it('pauses the upload for at most giveUpAfterMs', async () => {
    const path = await buildImage(DISK);
    const { done } = upload(path, { renewSas: () => new Promise(() => undefined), giveUpAfterMs: 50 });
    await server.when(() => hasCommitted(2 * PIECE));
    server.expireSas();
    expect(await failureOf(done)).toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringContaining('no new one'),
    });
    expect(existsSync(`${path}.vhdup.json`)).toBe(true);
  });

  it('stops the upload if there is no new SAS', async () => {
    const path = await buildImage(DISK);
    const { done } = upload(path, { renewSas: () => Promise.resolve(undefined) });
    await server.when(() => hasCommitted(2 * PIECE));
    server.expireSas();
    expect(await failureOf(done)).toMatchObject({ code: 'CREDENTIALS', isExpired: true });
  });

  it('may have expired before the upload starts', async () => {
    const path = await buildImage(DISK);
    const expired = server.sasUrl({
      container: CONTAINER,
      blob: BLOB,
      permissions: 'rw',
      expiresOn: new Date(Date.now() - HOUR_MS),
    });
    expect(await failureOf(upload(path, { destination: expired }).done)).toMatchObject({ isExpired: true });
    expect(server.counters.requests).toBe(0);
    const { done, events } = upload(path, { destination: expired, renewSas: () => Promise.resolve(blobUrl()) });
    await done;
    expectUploaded();
    expect(credentialEvents(events)).toEqual(['expired', 'renewed']);
  });
});

describe('a replacement SAS', () => {
  /** Uploads until the first SAS has expired, with these replacements, and returns the reported events. */
  async function renewedWith(answers: readonly (() => string)[]) {
    const path = await buildImage(DISK);
    const problems: string[] = [];
    const renewSas: RenewSas = ({ attempt, problem }) => {
      problems.push(problem);
      return Promise.resolve((answers[Math.min(attempt, answers.length) - 1] ?? blobUrl)());
    };
    const { done, events } = upload(path, { renewSas });
    await server.when(() => hasCommitted(2 * PIECE));
    server.expireSas();
    return { problems, events, done };
  }

  it.each<readonly [string, () => string]>([
    ['alone', () => sasOf(blobUrl())],
    ['with a question mark and in a line', () => `?${sasOf(blobUrl())}\r\n`],
    ['in quotes', () => `"${sasOf(blobUrl())}"\n`],
    ['in a URL', () => blobUrl()],
    ['in a URL of the container', () => server.sasUrl({ container: CONTAINER, permissions: 'racwdl' })],
    ['of the account', () => server.accountSas('rwc')],
  ])('is accepted %s', async (_, answer) => {
    const { done } = await renewedWith([answer]);
    await done;
    expectUploaded();
  });

  it('is refused with a reason, and another one is requested', async () => {
    const { problems, events, done } = await renewedWith([
      () => '',
      () => 'sp=rw&se=2099-01-01',
      () => blobUrl('r'),
      () => blobUrl().replace(BLOB, 'other.vhd'),
      () => blobUrl().replace(/sig=[^&]*/, `sig=${encodeURIComponent(signatureFor('wrong'))}`),
      () => blobUrl(),
    ]);
    await done;
    expectUploaded();
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
      () => blobUrl().replace(/sig=[^&]*/, `sig=${encodeURIComponent(signatureFor(String(Math.random())))}`),
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
    const path = await buildImage(DISK);
    const destination = server.sasUrl({
      container: CONTAINER,
      blob: BLOB,
      permissions: 'rw',
      expiresOn: new Date(Date.now() + 20_000),
    });
    // The plan is 32 MiB. Only the little data in it is sent.
    const { done, events } = upload(path, { destination, maxRate: MIB });
    await done;
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
    const path = await buildImage(DISK);
    const destination = `${server.urlOf(CONTAINER, BLOB)}?${change(server.accountSas('rw'))}`;
    expect(await failureOf(upload(path, { destination }).done)).toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringContaining(message),
    });
    expect(server.counters.requests).toBe(0);
  });

  it('cannot create a container', async () => {
    const path = await buildImage(DISK);
    const ofBlob = server.sasUrl({ container: 'fresh', blob: BLOB, permissions: 'rwc' });
    for (const destination of [ofBlob, `${server.urlOf('fresh', BLOB)}?${server.accountSas('rwc', 'o')}`]) {
      expect(await failureOf(upload(path, { destination, createContainer: true }).done)).toMatchObject({
        code: 'CREDENTIALS',
        message: expect.stringContaining('Create the container first'),
      });
    }
    expect(server.counters.byOperation.get('CreateContainer')).toBeUndefined();
  });

  it('reports a SAS that is not valid yet, and the clock difference', async () => {
    const path = await buildImage(DISK);
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
    const path = await buildImage(DISK);
    server.advanceClock(20 * 60_000);
    const credential = { kind: 'account-key', accountName: server.account, accountKey: server.key } as const;
    const { done } = upload(path, { destination: server.urlOf(CONTAINER, BLOB), credential });
    expect((await failureOf(done)).message).toContain('20 min behind');
  });
});

describe('tokens of Microsoft Entra', () => {
  it('are renewed before they expire, during the upload', async () => {
    await restartServer({ tls: true, bearerToken: 'token-0' });
    const path = await buildImage(DISK);
    let issued = 0;
    const source: TokenSource = {
      getToken: () => {
        server.bearerToken = `token-${issued}`;
        issued += 1;
        return Promise.resolve({ token: `token-${issued - 1}`, expiresOnTimestamp: Date.now() + 400 });
      },
    };
    server.model.latencyMs = 100;
    const destination = server.urlOf(CONTAINER, BLOB);
    const credential = { kind: 'token', source } as const;
    const result = await withoutTlsCheck(() => upload(path, { destination, credential, threads: 1 }).done);
    expect(result.retries).toBe(0);
    expect(issued).toBeGreaterThan(2);
    expectUploaded();
  });
});
