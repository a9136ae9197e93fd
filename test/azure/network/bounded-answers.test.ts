import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { boundedAnswers } from '../../../src/azure/network/bounded-answers.ts';
import { ServiceError } from '../../../src/errors.ts';
import { failureOf } from '../../support/vhd-fixtures.ts';

const BLOB = 'https://account.blob.core.windows.net/vhds/disk.vhd';
const LIST = '<PageList><PageRange><Start>0</Start><End>511</End></PageRange></PageList>';

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: NodeJS.ReadableStream;
}

interface Asked {
  readonly method?: string;
  readonly url?: string;
  readonly streamed?: Set<number>;
  readonly abortSignal?: AbortSignal;
}

const bodyOf = (...pieces: readonly (string | Error)[]) =>
  Readable.from(
    (function* () {
      for (const piece of pieces) {
        if (piece instanceof Error) throw piece;
        yield Buffer.from(piece);
      }
    })(),
    { objectMode: false },
  );

function endless(piece: string): Readable {
  return Readable.from(
    (function* () {
      for (;;) yield Buffer.from(piece);
    })(),
    { objectMode: false },
  );
}

/** The response for the SDK, and the request for the HTTP client. */
async function pass({ status = 200, headers = {}, body }: Answer, asked: Asked = {}, errorMs?: number) {
  const { method = 'PUT', url = `${BLOB}?comp=page`, streamed, abortSignal } = asked;
  const all = new Map(Object.entries({ 'x-ms-request-id': 'request-1', ...headers }));
  const request = {
    method,
    url,
    headers: new Map<string, string>(),
    ...(streamed === undefined ? {} : { streamResponseStatusCodes: streamed }),
    ...(abortSignal === undefined ? {} : { abortSignal }),
  };
  let streamedBelow: Set<number> | undefined;
  const response = await boundedAnswers(errorMs).sendRequest(request, (sent) => {
    streamedBelow = sent.streamResponseStatusCodes;
    return Promise.resolve({
      status,
      headers: all,
      bodyAsText: undefined as string | undefined,
      ...(body === undefined ? {} : { readableStreamBody: body }),
    });
  });
  return { response, request, streamedBelow };
}

const LISTING: Asked = { method: 'GET', url: `${BLOB}?comp=pagelist` };
const READING: Asked = { method: 'GET', url: BLOB, streamed: new Set([200, 206]) };

describe('boundedAnswers', () => {
  it('reads every body itself, and restores the request', async () => {
    const { response, request, streamedBelow } = await pass({ status: 400, body: bodyOf('<Error/>', '\n') });
    expect(streamedBelow?.has(Number.POSITIVE_INFINITY)).toBe(true);
    expect(request).not.toHaveProperty('streamResponseStatusCodes');
    expect(response).toMatchObject({ status: 400, bodyAsText: '<Error/>\n' });
    expect(response).not.toHaveProperty('readableStreamBody');
  });

  it('keeps the bytes of a blob in a stream', async () => {
    const body = bodyOf('bytes');
    const headers = { etag: '"1"', 'content-length': '5', 'content-range': 'bytes 0-4/5' };
    const { response, request } = await pass({ status: 206, headers, body }, READING);
    expect(response.readableStreamBody).toBe(body);
    expect(request.streamResponseStatusCodes).toBe(READING.streamed);
  });

  it.each([
    ['is too long', () => endless('<a>'.repeat(1000))],
    ['broke off', () => bodyOf('<Error>', new Error('socket hang up'))],
    ['declares entities', () => bodyOf('<!DOCTYPE a [<!ENTITY b "c">]><Error>&b;</Error>')],
  ])('drops the body of an error that %s', async (_, body) => {
    const { response } = await pass({ status: 500, body: body() });
    expect(response.bodyAsText).toBe('');
  });

  it('stops waiting for the body of an error after a while', async () => {
    const silent = new Readable({ read: () => undefined });
    silent.push('<Error>');
    const { response } = await pass({ status: 500, body: silent }, {}, 5);
    expect(response.bodyAsText).toBe('');
    expect(silent.destroyed).toBe(true);
  });

  it('passes a page list on as text that the SDK does not parse, whatever its content type', async () => {
    const headers = { 'content-type': 'application/xml' };
    const { response } = await pass({ headers, body: bodyOf(LIST.slice(0, 20), LIST.slice(20)) }, LISTING);
    expect(response.bodyAsText).toBe(LIST);
    expect(response.headers.get('content-type')).toBe('text/plain');
  });

  it.each([
    ['has no end', () => endless(' '.repeat(100_000)), 'is longer than 8388608 bytes'],
    ['breaks off', () => bodyOf('<PageList>', new Error('socket hang up')), 'cut off: socket hang up'],
    ['is none', () => bodyOf('<html>'), 'is not a list of page ranges'],
  ])('refuses a list of page ranges that %s', async (_, body, problem) => {
    const error = await failureOf(pass({ body: body() }, LISTING));
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ failure: { transient: true, limit: { tries: 10 }, requestId: 'request-1' } });
    expect(error.message).toContain(problem);
  });

  it('reports an aborted list as aborted', async () => {
    const body = bodyOf('<PageList>', new Error('aborted'));
    const error = await failureOf(pass({ body }, { ...LISTING, abortSignal: AbortSignal.abort() }));
    expect(error.name).toBe('AbortError');
  });

  it.each([200, 201, 206])('never passes on a success (%i) that does not come from the service', async (status) => {
    const body = endless('<html>');
    const headers = { 'content-type': 'text/html' };
    const answer = { status, headers, body };
    for (const asked of [{}, LISTING, READING]) {
      const policy = boundedAnswers();
      const { method = 'PUT', url = `${BLOB}?comp=page`, streamed } = asked as Asked;
      const request = { method, url, headers: new Map(), ...(streamed && { streamResponseStatusCodes: streamed }) };
      const response = { status, headers: new Map(Object.entries(headers)), readableStreamBody: answer.body };
      const error = await failureOf(policy.sendRequest(request, () => Promise.resolve(response)));
      expect(error).toMatchObject({ response: { status } });
      expect(body.destroyed).toBe(true);
    }
  });
});
