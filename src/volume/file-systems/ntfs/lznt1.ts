// LZNT1, the compression of NTFS (Microsoft, [MS-XCA] 2.5).

/** Bytes of a chunk when it is decompressed. */
const CHUNK = 4096;
const COMPRESSED = 0x8000;

/** Fills `into` chunk by chunk; the rest stays as it is. @returns false if the data is damaged. */
export function decompressLznt1(bytes: Buffer, into: Buffer): boolean {
  let at = 0;
  for (let start = 0; start < into.length && at + 2 <= bytes.length; start += CHUNK) {
    const header = bytes.readUInt16LE(at);
    if (header === 0) return true;
    const end = at + 2 + (header & 0xfff) + 1;
    if (end > bytes.length) return false;
    const chunk = bytes.subarray(at + 2, end);
    const out = into.subarray(start, start + CHUNK);
    if ((header & COMPRESSED) === 0) chunk.copy(out);
    else if (!decompressChunk(chunk, out)) return false;
    at = end;
  }
  return true;
}

function decompressChunk(chunk: Buffer, out: Buffer): boolean {
  let from = 0;
  let to = 0;
  while (from < chunk.length) {
    const flags = chunk[from++] ?? 0;
    for (let bit = 0; bit < 8 && from < chunk.length; bit++) {
      if (to >= out.length) return false;
      if ((flags & (1 << bit)) === 0) {
        out[to++] = chunk[from++] ?? 0;
        continue;
      }
      if (from + 2 > chunk.length) return false;
      const token = chunk.readUInt16LE(from);
      from += 2;
      const lengthBits = lengthBitsAt(to);
      const length = (token & ((1 << lengthBits) - 1)) + 3;
      const distance = (token >> lengthBits) + 1;
      if (distance > to || to + length > out.length) return false;
      // Byte by byte, because the source may overlap what is written.
      for (const end = to + length; to < end; to++) out[to] = out[to - distance] ?? 0;
    }
  }
  return true;
}

/** The further into the chunk, the more bits of a token hold the distance, and the fewer the length. */
function lengthBitsAt(position: number): number {
  let bits = 12;
  for (let rest = position - 1; rest >= 16; rest >>= 1) bits--;
  return bits;
}
