// The kinds of faults that a run survives, by the reasons that its retries give.

export const DAMAGED = 'Bytes damaged on the way (wrong checksum)';

/** What people call it, and the reasons: codes of the service, of the network, and our own. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  [DAMAGED, /^(?:Md5Mismatch|Crc64Mismatch|ChecksumMismatch|ChecksumEcho)$/],
  [
    'Service busy or throttling',
    /^(?:ServerBusy|HTTP 503|HTTP 429|TooManyRequests|EgressIsOverAccountLimit|IngressIsOverAccountLimit)$/,
  ],
  ['Error inside the service', /^(?:InternalError|HTTP 50[024]|HTTP 408)$/],
  [
    'Timeout, or a connection that stalled',
    /^(?:OperationTimedOut|ESTALLED|ETIMEDOUT|ESOCKETTIMEDOUT|AttemptTimeout|REQUEST_ABORTED_ERROR)$/,
  ],
  [
    'Connection lost or refused',
    /^(?:ECONN[A-Z]+|EPIPE|REQUEST_SEND_ERROR|ERR_STREAM_PREMATURE_CLOSE|UND_ERR_SOCKET)$/,
  ],
  ['Name or route not found', /^(?:ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)(?:UNREACH|DOWN))$/],
  ['Proxy, or an answer from something else', /^(?:EPROXY[A-Z]*|HPE_.*|HTTP [1-5]\d\d)$/],
  ['Answer incomplete or unreadable', /^(?:UnusableAnswer|PARSE_ERROR|InvalidXml)$/],
];

/** "Service busy or throttling"; "Other" for a reason that is not known. */
export function faultKind(reason: string): string {
  return KINDS.find(([, pattern]) => pattern.test(reason))?.[0] ?? 'Other';
}
