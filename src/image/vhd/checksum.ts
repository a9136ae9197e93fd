// The checksum of a VHD footer or dynamic header (VHD specification, "Hard Disk Footer Format", Checksum).

/** The bitwise NOT of the 32-bit sum of all bytes, except the checksum itself at `checksumOffset`. */
export function checksumOf(bytes: Uint8Array, checksumOffset: number): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  for (const byte of bytes.subarray(checksumOffset, checksumOffset + 4)) sum -= byte;
  return ~sum >>> 0;
}

/** A checksum in the notation of error messages: "0xffffe7b4". */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
