// Fixups: marks at the end of each 512 bytes of a structure, which show whether it was written completely
// (ntfs-3g layout.h, NTFS_RECORD; libfsntfs, "Fix-up values").

const STRIDE = 512;

/**
 * Checks the signature, and restores the last two bytes of each 512, which a writer replaces by a number.
 * @returns false if the signature differs, or a part has another number: a torn write.
 */
export function restoreFixups(block: Buffer, signature: string): boolean {
  if (block.length < 48 || block.toString('latin1', 0, 4) !== signature) return false;
  const [at, count] = [block.readUInt16LE(4), block.readUInt16LE(6)];
  if ((count - 1) * STRIDE !== block.length || at + 2 * count > block.length) return false;
  const number = block.readUInt16LE(at);
  for (let index = 1; index < count; index++) {
    const end = index * STRIDE - 2;
    if (block.readUInt16LE(end) !== number) return false;
    block.writeUInt16LE(block.readUInt16LE(at + 2 * index), end);
  }
  return true;
}
