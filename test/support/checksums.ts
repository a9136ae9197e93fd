// Checksums computed by their definitions, slowly, and known values of CRC-64/NVME in the form of Azure Storage: little-endian, in base64.

/** Computed bit by bit: reflected, initial value and final XOR are all ones. */
export function crc64ByDefinition(bytes: Uint8Array): Buffer {
  let crc = 0xffffffffffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x9a6c9329ac4bc9b5n : crc >> 1n;
  }
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(crc ^ 0xffffffffffffffffn);
  return value;
}

const TABLE = BigUint64Array.from({ length: 256 }, (_, byte) => {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x9a6c9329ac4bc9b5n : crc >> 1n;
  return crc;
});
const TABLE_HALVES = new Uint32Array(TABLE.buffer);

/** Computed byte by byte in two halves of 32 bits, for long ranges. */
export function crc64ByTable(bytes: Uint8Array): bigint {
  let low = 0xffffffff;
  let high = 0xffffffff;
  for (const byte of bytes) {
    const entry = 2 * ((low ^ byte) & 0xff);
    low = ((low >>> 8) | (high << 24)) ^ (TABLE_HALVES[entry] ?? 0);
    high = (high >>> 8) ^ (TABLE_HALVES[entry + 1] ?? 0);
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}

/** Values on which the SDK and the emulator of the service agree. */
export const KNOWN_CRC64: readonly (readonly [name: string, bytes: Uint8Array, base64: string])[] = [
  ['a page of zeros', new Uint8Array(512), Buffer.from('e982a768280ee61d', 'hex').toString('base64')],
  ['0 to 255 twice', Uint8Array.from({ length: 512 }, (_, index) => index % 256), 'BxtKCTKG9GU='],
  ['a window of zeros', new Uint8Array(4 * 1024 * 1024), '7fxeieZXMgQ='],
];
