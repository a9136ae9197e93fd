// The checksums of ext4: CRC-32C with metadata_csum, CRC-16 with gdt_csum (Linux kernel, Documentation/filesystems/ext4/checksums.rst).

/** The Castagnoli polynomial and that of CRC-16/ARC, with reversed bits. */
const CRC32C_TABLE = tableOf(0x82f63b78);
const CRC16_TABLE = tableOf(0xa001);

function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ polynomial;
    return value;
  });
}

function update(table: Uint32Array, state: number, bytes: Uint8Array): number {
  let crc = state;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return crc >>> 0;
}

/** Continues a CRC-32C. The kernel uses the state itself as the checksum, without a final inversion. */
export function crc32c(state: number, ...parts: readonly Uint8Array[]): number {
  return parts.reduce((crc, part) => update(CRC32C_TABLE, crc, part), state);
}

/** Continues a CRC-16. */
export function crc16(state: number, ...parts: readonly Uint8Array[]): number {
  return parts.reduce((crc, part) => update(CRC16_TABLE, crc, part), state);
}

/** The bytes of a number, for checksums that begin with the number of a group or an inode. */
export function bytesOfNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
