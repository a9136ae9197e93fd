import { RestError } from '@azure/storage-blob';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SentRequest, type SignedWith, toServiceError } from '../../src/azure/errors.ts';
import { CredentialError, DestinationError, ServiceError, UsageError } from '../../src/errors.ts';

const SECRET = 'c2VjcmV0c2VjcmV0c2VjcmV0';
const URL_WITH_SAS = `https://account.blob.core.windows.net/c/b.vhd?sv=2025&sp=rw&sig=${SECRET}%3D`;

interface Answer {
  readonly status: number;
  /** `x-ms-error-code`. */
  readonly code?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the answer has `x-ms-request-id`. @default true */
  readonly fromService?: boolean;
}

/** The error that the SDK throws for an answer. It refers to the request, whose URL contains the SAS. */
function restErrorOf({ status, code, message = '', headers = {}, fromService = true }: Answer): RestError {
  const all = new Map(
    Object.entries({
      ...(fromService ? { 'x-ms-request-id': 'request-1' } : {}),
      ...(code === undefined ? {} : { 'x-ms-error-code': code }),
      ...headers,
    }),
  );
  const request = { url: URL_WITH_SAS, headers: new Map([['authorization', `Bearer ${SECRET}`]]) };
  const response = { status, headers: all, request, bodyAsText: `<Message>${URL_WITH_SAS}</Message>` };
  const options = { statusCode: status, request, response, ...(code === undefined ? {} : { code }) };
  return new RestError(message, options as never);
}

function networkErrorOf(code: string, message = `connect ${code} 10.0.0.1:443`): RestError {
  return new RestError(message, { code, request: { url: URL_WITH_SAS } as never });
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

function sent(what: string, signedWith?: SignedWith): SentRequest {
  return { operation: 'Put Page', what, ...(signedWith === undefined ? {} : { signedWith }) };
}

/** All parts of an error that may be printed. */
function visible(error: unknown): string {
  const { message, stack, ...rest } = error as Error;
  return [message, stack, JSON.stringify(rest), String(error)].join('\n');
}

describe('toServiceError, for answers of the service', () => {
  it.each([408, 429, 500, 502, 503, 504])('treats status %i as transient', (status) => {
    const error = toServiceError(
      sent('Put Page 0+512'),
      restErrorOf({ status, code: 'ServerBusy', message: 'Try later.' }),
    );
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).failure).toEqual({
      status,
      reason: 'ServerBusy',
      requestId: 'request-1',
      transient: true,
      checksumMismatch: false,
    });
    expect((error as ServiceError).message).toBe(
      `Put Page 0+512 failed: ${status} ServerBusy, Try later (request id request-1)`,
    );
  });

  it.each(['Md5Mismatch', 'Crc64Mismatch'])('treats %s as bytes damaged in transit', (code) => {
    const error = toServiceError(sent('Put Page 0+512'), restErrorOf({ status: 400, code })) as ServiceError;
    expect(error.failure).toMatchObject({ transient: true, checksumMismatch: true, reason: code });
  });

  it.each([
    [401, 'NoAuthenticationInformation', CredentialError, 'az login'],
    [401, 'InvalidAuthenticationInfo', CredentialError, '401'],
    [403, 'AuthenticationFailed', CredentialError, 'clock'],
    [403, 'AuthorizationPermissionMismatch', CredentialError, 'r and w'],
    [403, 'AuthorizationFailure', CredentialError, 'firewall'],
    [403, 'KeyBasedAuthenticationNotPermitted', CredentialError, 'az login'],
    [403, 'AuthorizationServiceMismatch', CredentialError, 'ss=b'],
    [403, 'AuthorizationProtocolMismatch', CredentialError, 'https://'],
    [403, 'AuthorizationSourceIPMismatch', CredentialError, 'sip'],
    [403, 'UnauthorizedBlobOverwrite', CredentialError, 'permission w'],
    [403, 'InsufficientAccountPermissions', CredentialError, '-secondary'],
    [400, 'AccountRequiresHttps', ServiceError, 'https://'],
    [409, 'BlobImmutableDueToPolicy', DestinationError, 'another container'],
    [404, 'ContainerNotFound', DestinationError, '--create-container'],
    [404, 'BlobNotFound', DestinationError, 'The blob does not exist'],
    [409, 'BlobAlreadyExists', DestinationError, '409 BlobAlreadyExists'],
    [409, 'InvalidBlobType', DestinationError, 'not a page blob'],
    [412, 'LeaseIdMissing', DestinationError, 'lease'],
    [412, 'SequenceNumberConditionNotMet', DestinationError, 'replaced the blob'],
    [412, 'ConditionNotMet', DestinationError, '412 ConditionNotMet'],
  ])('converts %i %s to a %o with a next step', (status, code, errorClass, advice) => {
    const error = toServiceError(sent('Put Page 0+512'), restErrorOf({ status, code }));
    expect(error).toBeInstanceOf(errorClass);
    expect((error as Error).message).toContain(`Put Page 0+512 failed: ${status} ${code}`);
    expect((error as Error).message).toContain('request id request-1');
    expect((error as Error).message).toContain(advice);
    if (error instanceof DestinationError) expect(error.reason).toBe(code);
  });

  it.each([
    [400, 'InvalidHeaderValue'],
    [400, 'BothCrc64AndMd5HeaderPresent'],
    [413, 'RequestBodyTooLarge'],
    [416, 'InvalidPageRange'],
    [501, 'NotImplemented'],
  ])('converts %i %s to a permanent ServiceError', (status, code) => {
    const error = toServiceError(sent('Put Page 0+512'), restErrorOf({ status, code }));
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).failure).toMatchObject({ status, reason: code, transient: false });
  });

  it('waits up to two minutes for a container that is being deleted', () => {
    const answer = restErrorOf({ status: 409, code: 'ContainerBeingDeleted' });
    const error = toServiceError({ operation: 'Create Container', what: 'Create Container' }, answer) as ServiceError;
    expect(error.failure).toMatchObject({ transient: true, limit: { ms: 120_000 }, isDestination: true });
    expect(error.message).toContain('Wait a few minutes');
  });

  it('treats a truncated answer as transient', () => {
    const error = toServiceError(sent('Get Page Ranges'), restErrorOf({ status: 200, code: '' })) as ServiceError;
    expect(error.failure.transient).toBe(true);
  });

  it("reports that a SAS has expired, without the service's message about a header", () => {
    const answer = restErrorOf({
      status: 403,
      code: 'AuthenticationFailed',
      message: 'The header is not formed well.',
    });
    const signedWith = { sas: 'sp=rw&se=2020-01-01&sig=x', wasAccepted: false };
    const error = toServiceError(sent('Put Page 0+512', signedWith), answer) as CredentialError;
    expect(error).toMatchObject({ isExpired: true });
    expect(error.message).toBe(
      'Put Page 0+512 failed: 403 AuthenticationFailed (request id request-1). The SAS expired at 2020-01-01T00:00:00.000Z.',
    );
    const other = toServiceError(sent('Put Page 0+512', { sas: 'sp=rw&sig=x', wasAccepted: false }), answer);
    expect(other).toMatchObject({
      isExpired: false,
      message: expect.stringContaining('The header is not formed well'),
    });
  });

  it('reads the error detail and the time of the answer', () => {
    const detail = 'Signature not valid in the specified time frame';
    const answer = Object.assign(restErrorOf({ status: 403, code: 'AuthenticationFailed' }), {
      details: { authenticationErrorDetail: detail },
    });
    const signedWith = { sas: 'si=policy&sig=x', wasAccepted: false };
    expect(toServiceError(sent('x', signedWith), answer)).toMatchObject({ isExpired: true });
    const date = { date: new Date(Date.now() - 3_600_000).toUTCString() };
    const late = restErrorOf({ status: 403, code: 'AuthenticationFailed', headers: date });
    expect((toServiceError(sent('x'), late) as Error).message).toContain('60 min ahead');
  });

  it('uses the status if there is no error code', () => {
    const error = toServiceError(sent('Get Blob Properties'), restErrorOf({ status: 404 })) as DestinationError;
    expect(error).toBeInstanceOf(DestinationError);
    expect(error.reason).toBe('HTTP 404');
  });

  it.each([
    ['7', 7000],
    ['0', 0],
    ['-5', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('reads Retry-After: %s', (header, expected) => {
    const error = toServiceError(
      sent('x'),
      restErrorOf({ status: 503, headers: { 'retry-after': header } }),
    ) as ServiceError;
    expect(error.failure.retryAfterMs).toBe(expected);
  });

  it('reads a date in Retry-After', () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const { failure } = toServiceError(
      sent('x'),
      restErrorOf({ status: 429, headers: { 'retry-after': date } }),
    ) as ServiceError;
    expect(failure.retryAfterMs).toBeGreaterThan(3_000_000);
    expect(failure.retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  it('shows the first line of the message, shortened', () => {
    const long = restErrorOf({ status: 500, message: `${'x'.repeat(5000)}\nRequestId:1\nTime:2` });
    expect((toServiceError(sent('x'), long) as Error).message.length).toBeLessThan(300);
    const two = restErrorOf({ status: 500, message: 'Operation timed out.\nRequestId:1\nTime:2' });
    expect((toServiceError(sent('x'), two) as Error).message).toContain('Operation timed out (request id');
  });
});

describe('toServiceError, for everything that is not an answer of the service', () => {
  it.each([
    [200, { tries: 20 }],
    [302, { tries: 10 }],
    [403, { tries: 10 }],
    [407, { tries: 5 }],
    [511, { tries: 20 }],
    [502, undefined],
  ])('suspects a wrong address when something else answers %i', (status, limit) => {
    const error = toServiceError(
      sent('Put Page 0+512'),
      restErrorOf({ status, fromService: false, headers: { 'content-type': 'text/html', 'retry-after': '3' } }),
    );
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).failure).toEqual({
      status,
      reason: `HTTP ${status}`,
      transient: true,
      suspectAddress: true,
      retryAfterMs: 3000,
      ...(limit === undefined ? {} : { limit }),
    });
    expect((error as Error).message).toContain('text/html');
  });

  it('names the proxy that the request went through', () => {
    const request = { ...sent('Put Page 0+512'), proxy: 'proxy.corp:8080 (set in HTTP_PROXY)' };
    const answer = restErrorOf({ status: 407, fromService: false });
    for (const error of [answer, networkErrorOf('ECONNREFUSED')]) {
      expect(toServiceError(request, error)).toMatchObject({
        message: expect.stringContaining('through the proxy proxy.corp:8080 (set in HTTP_PROXY).'),
      });
    }
    const tunnel = networkErrorOf('EPROXYAUTH', 'cannot connect through the proxy in HTTPS_PROXY: it answered 407');
    expect((toServiceError(request, tunnel) as Error).message).not.toContain('set in HTTP_PROXY');
  });

  it.each([
    ['EPROXYAUTH', 5],
    ['EPROXYREFUSED', 10],
    ['HPE_INVALID_CONSTANT', 20],
  ])('does not retry %s for hours', (code, tries) => {
    const error = toServiceError(sent('Put Page 0+512'), networkErrorOf(code)) as ServiceError;
    expect(error.failure).toMatchObject({ transient: true, limit: { tries } });
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('has no advice for the error code %s', (code) => {
    const error = toServiceError(
      sent('Put Page 0+512'),
      restErrorOf({ status: 400, code, message: 'Refused.' }),
    ) as Error;
    expect(error.message).toMatch(new RegExp(`^Put Page 0\\+512 failed: 400 ${code}, Refused \\(request id [^)]*\\)$`));
  });

  it('makes foreign texts safe to print', () => {
    const sequence = '\u001b]0;owned\u0007';
    const answers = [
      restErrorOf({ status: 400, code: `Code${sequence}`, message: `Message${sequence}` }),
      restErrorOf({ status: 503, message: sequence, headers: { 'x-ms-request-id': sequence } }),
      restErrorOf({ status: 403, code: 'AuthenticationFailed', message: sequence }),
      restErrorOf({ status: 500, fromService: false, headers: { 'content-type': sequence } }),
      networkErrorOf(sequence, sequence),
    ];
    for (const answer of answers) {
      const { message } = toServiceError(sent('Put Page 0+512'), answer) as Error;
      expect(message).not.toMatch(/\p{Cc}/u);
      expect(message).toContain('u{1b}');
    }
  });

  it.each([
    ['ECONNRESET', false],
    ['ETIMEDOUT', true],
    ['EPIPE', false],
    ['EAI_AGAIN', false],
    ['ECONNREFUSED', true],
    ['EHOSTUNREACH', true],
    ['ESTALLED', false],
    ['REQUEST_SEND_ERROR', false],
    ['ENETUNREACH', true],
    ['ENOTFOUND', true],
    ['EPROXY', true],
    ['EPROTO', true],
  ])('treats %s as transient', (code, suspectAddress) => {
    const error = toServiceError(sent('Put Page 0+512'), networkErrorOf(code)) as ServiceError;
    expect(error).toBeInstanceOf(ServiceError);
    expect(error.failure).toEqual({ reason: code, transient: true, suspectAddress });
    expect(error.message).toBe(`Put Page 0+512 failed: connect ${code} 10.0.0.1:443 (${code}).`);
  });

  it.each([
    ['SELF_SIGNED_CERT_IN_CHAIN', 'NODE_EXTRA_CA_CERTS'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'NODE_EXTRA_CA_CERTS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'NODE_EXTRA_CA_CERTS'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'NODE_EXTRA_CA_CERTS'],
    ['CERT_UNTRUSTED', 'NODE_EXTRA_CA_CERTS'],
    ['CERT_HAS_EXPIRED', 'clock'],
    ['CERT_NOT_YET_VALID', 'clock'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'another host'],
  ])(
    'says of the certificate error %s what to do, and that it may pass for some minutes once the service has answered',
    (code, advice) => {
      const error = toServiceError(sent('Put Page 0+512'), networkErrorOf(code)) as ServiceError;
      expect(error.failure).toEqual({ reason: code, transient: true, needsContact: true, limit: { tries: 20 } });
      expect(error.message).toContain(advice);
    },
  );

  it('treats a network error without a code as transient', () => {
    expect((toServiceError(sent('x'), new RestError('socket hang up')) as ServiceError).failure.transient).toBe(true);
  });

  it.each([
    ['an abort', named('AbortError', 'The operation was aborted.')],
    ['a bug', new TypeError('x is not a function')],
    ['a bug with a code', Object.assign(new TypeError('Invalid character in header'), { code: 'ERR_INVALID_CHAR' })],
    ['an error of our own', new UsageError('no')],
    ['an error of our own, of the service', new ServiceError('x failed.', { reason: 'HTTP 200', transient: true })],
    ['what is no error', 'text'],
  ])('returns %s unchanged', (_, error) => {
    expect(toServiceError(sent('x'), error)).toBe(error);
  });
});

describe('toServiceError', () => {
  it('never shows a secret of the request', () => {
    const anyMessage = fc.constantFrom(
      '',
      `request to ${URL_WITH_SAS} failed`,
      `${'x'.repeat(156)} https://proxy-user:${SECRET}@proxy.corp:8080 refused`,
      `${'x'.repeat(185)} ${URL_WITH_SAS}`,
      `Authorization: Bearer ${SECRET}`,
      `one line\n${URL_WITH_SAS}`,
    );
    const anyError = fc.oneof(
      fc
        .record({
          status: fc.constantFrom(200, 302, 400, 401, 403, 404, 409, 412, 416, 500, 503),
          message: anyMessage,
          fromService: fc.boolean(),
        })
        .map(restErrorOf),
      fc
        .tuple(fc.constantFrom('ECONNRESET', 'ENOTFOUND', 'ESTALLED'), anyMessage)
        .map(([code, text]) => networkErrorOf(code, text)),
      fc
        .tuple(fc.constantFrom('AuthenticationError', 'CredentialUnavailableError'), anyMessage)
        .map(([name, message]) => named(name, message)),
    );
    fc.assert(
      fc.property(anyError, (error) => {
        expect(visible(toServiceError(sent('Put Page 0+512'), error))).not.toContain(SECRET);
      }),
      { numRuns: 500 },
    );
  });
});
