// Recognises files that are not VHDs by their first bytes, so that an error can say what was found and what to do.
import type { ImageFile } from './image-file.ts';

export interface RecognisedFormat {
  /** "a VHDX disk image": fits after "it is". */
  readonly name: string;
  /** A sentence. */
  readonly wayOut: string;
}

interface Signature extends RecognisedFormat {
  readonly offset: number;
  /** As latin1. */
  readonly bytes: string;
}

const CONVERT = 'Convert it first: qemu-img convert -O vpc -o subformat=dynamic,force_size=on SOURCE disk.vhd.';
const UNPACK = 'Unpack it first.';

const SIGNATURES: readonly Signature[] = [
  {
    offset: 0,
    bytes: 'vhdxfile',
    name: 'a VHDX disk image',
    wayOut: 'Name it as the image itself.',
  },
  { offset: 0, bytes: 'QFI\xfb', name: 'a QCOW disk image', wayOut: CONVERT },
  { offset: 0, bytes: 'KDMV', name: 'a VMDK disk image', wayOut: CONVERT },
  { offset: 0, bytes: '# Disk DescriptorFile', name: 'the descriptor of a VMDK disk image', wayOut: CONVERT },
  { offset: 64, bytes: '\x7f\x10\xda\xbe', name: 'a VDI disk image', wayOut: CONVERT },
  { offset: 0, bytes: '\x1f\x8b', name: 'a gzip archive', wayOut: UNPACK },
  { offset: 0, bytes: '\xfd7zXZ\0', name: 'an xz archive', wayOut: UNPACK },
  { offset: 0, bytes: 'PK\x03\x04', name: 'a ZIP archive', wayOut: UNPACK },
  { offset: 0, bytes: "7z\xbc\xaf'\x1c", name: 'a 7-Zip archive', wayOut: UNPACK },
  { offset: 0, bytes: '\x28\xb5\x2f\xfd', name: 'a Zstandard archive', wayOut: UNPACK },
  { offset: 0, bytes: 'BZh', name: 'a bzip2 archive', wayOut: UNPACK },
];

const LONGEST = Math.max(...SIGNATURES.map(({ offset, bytes }) => offset + bytes.length));

/** What `file` is, or undefined when its beginning says nothing. */
export async function recognise(file: ImageFile): Promise<RecognisedFormat | undefined> {
  const head = Buffer.alloc(Math.min(LONGEST, file.size));
  await file.read(0, head);
  return SIGNATURES.find(({ offset, bytes }) => head.toString('latin1', offset, offset + bytes.length) === bytes);
}
