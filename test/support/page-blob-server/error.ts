// The errors of the page-blob test server: status, code and message of "Blob service error codes" and "Common REST API error codes".

/** An answer other than success, in the service's terms; the server turns it into XML and `x-ms-error-code`. */
export class ServiceError extends Error {
  readonly status: number;
  readonly code: string;
  /** Further elements of the XML body, for example HeaderName. */
  readonly details: Readonly<Record<string, string>>;
  /** Further response headers, for example WWW-Authenticate. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { details?: Record<string, string>; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.name = 'ServiceError';
    this.status = status;
    this.code = code;
    this.details = extra.details ?? {};
    this.headers = extra.headers ?? {};
  }

  /** The body of the answer, as the service writes it. */
  toXml(requestId: string, time: Date): string {
    const details = Object.entries(this.details)
      .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
      .join('');
    const message = escapeXml(`${this.message}\nRequestId:${requestId}\nTime:${time.toISOString()}`);
    return `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${this.code}</Code><Message>${message}</Message>${details}</Error>`;
  }
}

/** `text` with the characters that XML reserves written as entities. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** 400: a header with an invalid value. */
export function invalidHeader(name: string, value: string): ServiceError {
  return new ServiceError(
    400,
    'InvalidHeaderValue',
    'The value for one of the HTTP headers is not in the correct format.',
    {
      details: { HeaderName: name, HeaderValue: value },
    },
  );
}

/** 400: a required header is missing. */
export function missingHeader(name: string): ServiceError {
  return new ServiceError(
    400,
    'MissingRequiredHeader',
    'An HTTP header that is mandatory for this request is not specified.',
    {
      details: { HeaderName: name },
    },
  );
}

/** 400: a query parameter outside its permissible range. */
export function queryParameterOutOfRange(name: string, value: string): ServiceError {
  return new ServiceError(
    400,
    'OutOfRangeQueryParameterValue',
    'One of the query parameters specified in the request URI is outside the permissible range.',
    { details: { QueryParameterName: name, QueryParameterValue: value } },
  );
}

/** 403: invalid credentials; `detail` gives the reason, as the service does. */
export function authenticationFailed(detail: string): ServiceError {
  return new ServiceError(
    403,
    'AuthenticationFailed',
    'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
    { details: { AuthenticationErrorDetail: detail } },
  );
}

/** 403: valid credentials that lack a permission. */
export function permissionMismatch(): ServiceError {
  return new ServiceError(
    403,
    'AuthorizationPermissionMismatch',
    'This request is not authorized to perform this operation using this permission.',
  );
}

/** 404: no such blob. */
export function blobNotFound(): ServiceError {
  return new ServiceError(404, 'BlobNotFound', 'The specified blob does not exist.');
}

/** 404: no such container. */
export function containerNotFound(): ServiceError {
  return new ServiceError(404, 'ContainerNotFound', 'The specified container does not exist.');
}

/** 409: an operation for another type of blob. */
export function invalidBlobType(): ServiceError {
  return new ServiceError(409, 'InvalidBlobType', 'The blob type is invalid for this operation.');
}

/** 412: a conditional header of a write is not met. */
export function conditionNotMet(): ServiceError {
  return new ServiceError(
    412,
    'ConditionNotMet',
    'The condition specified using HTTP conditional header(s) is not met.',
  );
}

/** 416: pages outside the blob. */
export function invalidPageRange(): ServiceError {
  return new ServiceError(416, 'InvalidPageRange', 'The page range specified is invalid.');
}

/** 416: bytes outside the blob of `size` bytes. */
export function invalidRange(size: number): ServiceError {
  return new ServiceError(416, 'InvalidRange', 'The range specified is invalid for the current size of the resource.', {
    headers: { 'content-range': `bytes */${size}` },
  });
}

/** 413: more than an operation accepts. */
export function requestBodyTooLarge(limit: number): ServiceError {
  return new ServiceError(
    413,
    'RequestBodyTooLarge',
    'The request body is too large and exceeds the maximum permissible limit.',
    { details: { MaxLimit: String(limit) } },
  );
}

/** 409: the account forbids public access, for a container that would be public and for a request without credentials. */
export function publicAccessNotPermitted(): ServiceError {
  return new ServiceError(409, 'PublicAccessNotPermitted', 'Public access is not permitted on this storage account.');
}

/** 400: a header that this account does not support. */
export function unsupportedHeader(name: string): ServiceError {
  return new ServiceError(
    400,
    'UnsupportedHeader',
    'One of the HTTP headers specified in the request is not supported.',
    {
      details: { HeaderName: name },
    },
  );
}
