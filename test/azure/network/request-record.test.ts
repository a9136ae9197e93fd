import { RestError } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { answeredRequest, failedRequest } from '../../../src/azure/network/request-record.ts';

const SECRET = 'c2VjcmV0c2VjcmV0';

function headers(values: Readonly<Record<string, string>>) {
  return new Map(Object.entries(values));
}

describe('answeredRequest', () => {
  it('records the status and both ids', () => {
    const response = { requestId: 'r-1', clientRequestId: 'c-1', _response: { status: 201 }, body: SECRET };
    expect(answeredRequest('Put Page 0+512', 12.6, response)).toEqual({
      what: 'Put Page 0+512',
      status: 201,
      requestId: 'r-1',
      clientRequestId: 'c-1',
      durationMs: 13,
    });
  });

  it('assumes status 200 if there is none, and omits unknown fields', () => {
    expect(answeredRequest('Get Page Ranges', 1, {})).toEqual({ what: 'Get Page Ranges', status: 200, durationMs: 1 });
  });
});

describe('failedRequest', () => {
  it("records the service's answer, and only the id of the request", () => {
    const request = { url: `https://a.b/c?sig=${SECRET}`, headers: headers({ 'x-ms-client-request-id': 'c-1' }) };
    const response = { headers: headers({ 'x-ms-request-id': 'r-1', 'x-ms-error-code': 'ServerBusy' }) };
    const error = new RestError(SECRET, { code: 'other', statusCode: 503, request, response } as never);
    expect(failedRequest('Put Page 0+512', 3, error)).toEqual({
      what: 'Put Page 0+512',
      status: 503,
      reason: 'ServerBusy',
      requestId: 'r-1',
      clientRequestId: 'c-1',
      durationMs: 3,
    });
  });

  it.each([
    [new RestError('reset', { code: 'ECONNRESET' }), 'ECONNRESET'],
    [new DOMException('aborted', 'AbortError'), 'AbortError'],
    [new Error(SECRET), 'Error'],
  ])('records why there was no answer', (error, reason) => {
    expect(failedRequest('Put Page 0+512', 3, error)).toEqual({ what: 'Put Page 0+512', reason, durationMs: 3 });
  });
});
