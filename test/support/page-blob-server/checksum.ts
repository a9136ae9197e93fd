// Transactional checksums of the page-blob test server: Content-MD5 and x-ms-content-crc64 (CRC-64/NVME, 8 little-endian bytes in base64).

import { createHash } from 'node:crypto';
import { createCRC64 } from 'hash-wasm';
import { invalidHeader, ServiceError } from './error.ts';
import type { ServiceRequest } from './request.ts';

const crc64 = await createCRC64('9a6c9329ac4bc9b5');

/** The CRC-64/NVME of some bytes in the form of x-ms-content-crc64. */
export function crc64Base64(pieces: Iterable<Uint8Array>): string {
  crc64.init();
  for (const piece of pieces) crc64.update(piece);
  return Buffer.from(crc64.digest('binary')).reverse().toString('base64');
}

/** The MD5 of some bytes in base64. */
export function md5Base64(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('md5');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('base64');
}

/**
 * Checks a body against the checksums of the request; throws 400. Returns the headers with the checksums of the body. If `pieces` is
 * undefined, nothing is checked, and the checksum of the request is returned.
 */
export function checkBody(request: ServiceRequest, pieces: readonly Uint8Array[] | undefined): Record<string, string> {
  const sentMd5 = request.headers.get('content-md5');
  const sentCrc64 = request.headers.get('x-ms-content-crc64');
  if (sentMd5 !== undefined && sentCrc64 !== undefined) {
    throw new ServiceError(
      400,
      'BothCrc64AndMd5HeaderPresent',
      'Both x-ms-content-crc64 header and Content-MD5 header are present.',
    );
  }
  if (sentMd5 !== undefined && !isBase64Of(16, sentMd5)) {
    throw new ServiceError(
      400,
      'InvalidMd5',
      'The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64 encoded.',
    );
  }
  if (sentCrc64 !== undefined && !isBase64Of(8, sentCrc64)) throw invalidHeader('x-ms-content-crc64', sentCrc64);
  if (pieces === undefined) return sentCrc64 === undefined ? {} : { 'x-ms-content-crc64': sentCrc64 };
  const serverCrc64 = crc64Base64(pieces);
  if (sentCrc64 !== undefined && sentCrc64 !== serverCrc64) {
    throw mismatch('Crc64Mismatch', 'CRC64', { UserSpecifiedCrc: sentCrc64, ServerCalculatedCrc: serverCrc64 });
  }
  if (sentMd5 === undefined) return { 'x-ms-content-crc64': serverCrc64 };
  const serverMd5 = md5Base64(pieces);
  if (sentMd5 !== serverMd5) {
    throw mismatch('Md5Mismatch', 'MD5', { UserSpecifiedMd5: sentMd5, ServerCalculatedMd5: serverMd5 });
  }
  return { 'x-ms-content-crc64': serverCrc64, 'content-md5': serverMd5 };
}

/** Whether `text` is the canonical base64 of `length` bytes. */
export function isBase64Of(length: number, text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === length && bytes.toString('base64') === text;
}

function mismatch(code: string, name: string, details: Record<string, string>): ServiceError {
  return new ServiceError(
    400,
    code,
    `The ${name} value specified in the request did not match with the ${name} value calculated by the server.`,
    { details },
  );
}
