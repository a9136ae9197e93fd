// Faults on the wire, the same for every test server: connections that break, answers that come late, incomplete or not at all.

import type { Answer, Exchange } from './exchange.ts';

const DEFAULT_STALL_MS = 60_000;

/** A stall ends when the client disconnects, the server closes, or with a reset after `maxMs` (default 60 s). */
export type WireFault =
  /** An HTML page, as a proxy or a captive portal sends it. */
  | { readonly kind: 'proxy-page'; readonly status: number }
  /** The connection is reset after the headers of the request, and not before `until` resolves. */
  | { readonly kind: 'reset-before-read'; readonly until?: Promise<unknown> }
  /** The operation is executed, then the connection is reset, so the answer is lost. */
  | { readonly kind: 'reset-after-commit' }
  /** The server reads the body very slowly (64 KiB per 10 ms) and never answers. */
  | { readonly kind: 'stall-body'; readonly maxMs?: number }
  /** The operation is executed, but not answered. */
  | { readonly kind: 'stall-answer'; readonly maxMs?: number }
  /** The operation is executed, and answered late: after a time, and not before `until` resolves. */
  | { readonly kind: 'delay-answer'; readonly delayMs?: number; readonly until?: Promise<unknown> }
  /** The operation is executed, and the connection ends in the middle of the answer. */
  | { readonly kind: 'truncated-answer' }
  /** The operation is executed. The answer is not HTTP, or has a nonsense body without a checksum. */
  | { readonly kind: 'garbled-answer'; readonly form: 'not-http' | 'wrong-content' }
  /** One bit of the body changes on its way to the server. */
  | { readonly kind: 'flip-received-bit'; readonly bit?: number }
  /** One bit of the body of the answer changes on its way to the client. */
  | { readonly kind: 'flip-sent-bit'; readonly bit?: number };

/** A fault of any server; those that are not of the wire have other kinds. */
type AnyFault = WireFault | { readonly kind: string };

/** Whether the fault ended the exchange before the body of the request was read. */
export async function endsEarly(exchange: Exchange, fault: AnyFault | undefined): Promise<boolean> {
  const wire = asWireFault(fault);
  if (wire?.kind === 'stall-body') await exchange.stallBody(wire.maxMs ?? DEFAULT_STALL_MS);
  if (wire?.kind !== 'stall-body' && wire?.kind !== 'reset-before-read') return false;
  if (wire.kind === 'reset-before-read') await exchange.waitUntil(wire.until);
  exchange.reset();
  return true;
}

/** Callbacks for what is sent. */
export interface DeliveryObserver {
  /** Before the first byte of an answer that is sent as HTTP. */
  onStatus(status: number): void;
  onBytes(bytes: number): void;
}

/** Sends the answer, or what the fault makes of it. */
export async function deliver(
  exchange: Exchange,
  answer: Answer,
  fault: AnyFault | undefined,
  observer: DeliveryObserver,
): Promise<void> {
  const wire = asWireFault(fault);
  switch (wire?.kind) {
    case 'reset-after-commit':
      return exchange.reset();
    case 'stall-answer':
      await exchange.wait(wire.maxMs ?? DEFAULT_STALL_MS);
      return exchange.reset();
    case 'truncated-answer':
      return exchange.sendHalf(answer);
    case 'garbled-answer':
      if (wire.form === 'not-http') return exchange.sendRaw('\u0000\u0001\u0002 this is not HTTP\r\n\r\n');
      answer = garbled(answer);
      break;
    case 'flip-sent-bit':
      answer = { ...answer, body: flipBit([...answer.body], wire.bit ?? 0) };
      break;
    case 'delay-answer':
      await exchange.wait(wire.delayMs ?? 0);
      await exchange.waitUntil(wire.until);
      break;
    default:
  }
  observer.onStatus(answer.status);
  await exchange.send(answer, (bytes) => observer.onBytes(bytes));
}

const WIRE_KINDS: Readonly<Record<WireFault['kind'], true>> = {
  'proxy-page': true,
  'reset-before-read': true,
  'reset-after-commit': true,
  'stall-body': true,
  'stall-answer': true,
  'delay-answer': true,
  'truncated-answer': true,
  'garbled-answer': true,
  'flip-received-bit': true,
  'flip-sent-bit': true,
};

function asWireFault(fault: AnyFault | undefined): WireFault | undefined {
  return fault !== undefined && isWireFault(fault) ? fault : undefined;
}

function isWireFault(fault: AnyFault): fault is WireFault {
  return fault.kind in WIRE_KINDS;
}

/** A copy of `pieces` with one bit changed; `bit` counts from the start and wraps round. */
export function flipBit(pieces: readonly Uint8Array[], bit: number): Uint8Array[] {
  const copy = Buffer.concat(pieces);
  if (copy.length === 0) return [copy];
  const at = (bit >>> 3) % copy.length;
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << (bit & 7)), at);
  return [copy];
}

/** The answer of a proxy or a captive portal instead of the service. */
export function proxyPage(status: number): Answer {
  const html = Buffer.from(
    `<!DOCTYPE html><html><head><title>Network access</title></head><body><h1>${status}</h1><p>Please sign in to the network.</p></body></html>`,
  );
  const headers: Record<string, string> = {
    server: 'squid/6.6',
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(html.length),
    ...(status === 407 && { 'proxy-authenticate': 'Basic realm="proxy"' }),
  };
  return { status, headers, body: [html] };
}

/** The same answer with a nonsense body, and without the headers by which a client could check it. */
function garbled(answer: Answer): Answer {
  const nonsense = Buffer.from('<?xml version="1.0" encoding="utf-8"?><PageList><PageRange><Start>\u0007\uFFFD{"not":');
  const { 'x-ms-content-crc64': _crc64, 'content-md5': _md5, etag: _etag, ...headers } = answer.headers;
  return {
    status: answer.status,
    headers: { ...headers, 'content-length': String(nonsense.length) },
    body: [nonsense],
  };
}
