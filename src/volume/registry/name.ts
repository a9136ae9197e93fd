// Names of keys and values: stored as Latin-1 or UTF-16, compared without case.

export function decodeName(bytes: Buffer, isLatin1: boolean): string {
  return bytes.toString(isLatin1 ? 'latin1' : 'utf16le');
}

/**
 * The form in which names are compared. Windows maps each UTF-16 code unit on its own, so a letter whose upper case is
 * longer than one unit stays as it is, and no letter beyond ASCII becomes an ASCII letter.
 */
export function upperCase(name: string): string {
  // Almost all names are ASCII, where a whole string gives the same.
  if (!/[\u0080-\uffff]/.test(name)) return name.toUpperCase();
  return Array.from({ length: name.length }, (_, at) => upperUnit(name.charAt(at))).join('');
}

function upperUnit(unit: string): string {
  const upper = unit.toUpperCase();
  if (upper.length !== 1) return unit;
  return unit > '\u007f' && upper <= '\u007f' ? unit : upper;
}

/** The hash in the index of subkeys, of a name in upper case: h = 37 h + code unit, in 32 bits. */
export function nameHash(upper: string): number {
  let hash = 0;
  for (let at = 0; at < upper.length; at++) hash = (Math.imul(hash, 37) + upper.charCodeAt(at)) | 0;
  return hash >>> 0;
}
