// The data of a value, decoded by its type (msuhanov/regf, "Data types").

/** The types that are decoded, as the registry numbers them. */
export const VALUE_TYPE = {
  text: 1,
  expandableText: 2,
  bytes: 3,
  integer: 4,
  bigEndianInteger: 5,
  link: 6,
  texts: 7,
  longInteger: 11,
} as const;

export type ValueData =
  /** REG_SZ, REG_EXPAND_SZ, REG_LINK: up to the first NUL, with variables such as %SystemRoot% as they are stored. */
  | { readonly kind: 'text'; readonly text: string }
  /** REG_MULTI_SZ, without the empty text that ends it. Some values contain other empty texts. */
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  /** REG_DWORD, REG_DWORD_BIG_ENDIAN, REG_QWORD. */
  | { readonly kind: 'integer'; readonly integer: bigint }
  /** Everything else, including integers whose length is not that of their type. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer };

export function decodeData(type: number, bytes: Buffer): ValueData {
  switch (type) {
    case VALUE_TYPE.text:
    case VALUE_TYPE.expandableText:
    case VALUE_TYPE.link:
      return { kind: 'text', text: utf16(bytes).split('\0', 1)[0] ?? '' };
    case VALUE_TYPE.texts:
      return { kind: 'texts', texts: textsOf(utf16(bytes)) };
    case VALUE_TYPE.integer:
      if (bytes.length === 4) return { kind: 'integer', integer: BigInt(bytes.readUInt32LE()) };
      break;
    case VALUE_TYPE.bigEndianInteger:
      if (bytes.length === 4) return { kind: 'integer', integer: BigInt(bytes.readUInt32BE()) };
      break;
    case VALUE_TYPE.longInteger:
      if (bytes.length === 8) return { kind: 'integer', integer: bytes.readBigUInt64LE() };
      break;
  }
  return { kind: 'bytes', bytes };
}

/** A last odd byte is no character. */
function utf16(bytes: Buffer): string {
  return bytes.toString('utf16le', 0, bytes.length - (bytes.length % 2));
}

/** Each text ends with a NUL, and one more NUL ends the list. Writers forget the last ones. */
function textsOf(stored: string): string[] {
  const texts = stored.split('\0');
  for (let ends = 0; ends < 2 && texts.at(-1) === ''; ends++) texts.pop();
  return texts;
}
