// The checksum of a VHD footer or dynamic header (VHD specification, "Hard Disk Footer Format", Checksum).

/** The bitwise NOT of the 32-bit sum of all bytes, those of the checksum itself, at `checksumOffset`, left out. */
export function checksumOf(bytes: Uint8Array, checksumOffset: number): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  for (const byte of bytes.subarray(checksumOffset, checksumOffset + 4)) sum -= byte;
  return ~sum >>> 0;
}

/** "0xffffe7b4": as errors name a checksum. */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
