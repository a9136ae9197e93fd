// Formats recognised by bytes at a known offset: disk images of other programs, archives, backups.
import type { ImageFile } from '../image-file.ts';
import { advise, convert, decompress, type ForeignFormat, INSTALL, unpack } from './foreign-format.ts';

interface Signature {
  /** Negative offsets count from the end of the file. */
  readonly offset: number;
  /** Encoded as latin1. */
  readonly bytes: string;
  readonly format: ForeignFormat;
}

function at(offset: number, bytes: string, format: ForeignFormat): Signature {
  return { offset, bytes, format };
}

const BOTH_FILES = 'Copy the files that the descriptor names to its folder';
const VMDK_DESCRIPTOR: ForeignFormat = {
  name: 'the descriptor of a VMDK disk image',
  nextStep: (path) => `${BOTH_FILES}. ${convert('', '-f vmdk').nextStep(path)}`,
};

function backup(program: string): ForeignFormat {
  return advise(`a backup of ${program}`, `Restore it to a disk with ${program} and create a VHD from that disk.`);
}

const APPLY_IMAGE =
  'It contains files, not a disk. Apply it to a volume of a new VHD and make that bootable (DISM /Apply-Image /ImageFile:SOURCE /Index:1 /ApplyDir:W:\\, then bcdboot W:\\Windows /s S:).';
const APPLY_FFU =
  'Apply it to a new VHD that is attached as a disk: DISM /Apply-Ffu /ImageFile:SOURCE /ApplyDrive:\\\\.\\PhysicalDriveN';
const SIMG = 'Expand it first: simg2img SOURCE disk.img';
const DMG =
  'Azure cannot run macOS. If it contains another system, convert it: qemu-img convert -f dmg -O vpc -o subformat=dynamic,force_size=on SOURCE disk.vhd';
const DMG_ON_MAC =
  'Azure cannot run macOS. If it contains another system, convert it on a Mac: hdiutil convert SOURCE -format UDTO -o disk';
const EWF = 'Export the disk first, as disk.raw: ewfexport -t disk -f raw SOURCE';
const PARTCLONE =
  'It contains the used blocks of one partition. Restore it to the partition of a disk (partclone.restore -s SOURCE -o /dev/sdX1) and create a VHD from the disk.';
const LUKS =
  'Nobody can enter its passphrase in Azure. Open it and copy its contents: cryptsetup open SOURCE plain && qemu-img convert -f raw -O vpc -o subformat=dynamic,force_size=on /dev/mapper/plain disk.vhd';

const DECRYPT = 'Decrypt it first, then use the disk image inside:';
const EXPORT = 'Export the disk as a raw image with the program that created it.';

const CPIO = unpack('a cpio archive', 'cpio -id <');
const SPLIT_ZIP =
  'Put all parts into one folder and join them, with the name of the part that ends in .zip: zip -s 0 archive.zip --out whole.zip';

/** Tried in this order; the first match wins. */
const SIGNATURES: readonly Signature[] = [
  at(0, 'vhdxfile', advise('a VHDX disk image', 'Use the VHDX itself as the image.')),
  at(0, 'QFI\xfb\0\0\0\x02', convert('a QCOW2 disk image')),
  at(0, 'QFI\xfb\0\0\0\x03', convert('a QCOW2 disk image')),
  at(0, 'QFI\xfb', convert('a QCOW disk image')),
  at(0, 'QED\0', convert('a QED disk image', '-f qed')),
  at(0, 'KDMV', convert('a VMDK disk image')),
  at(0, 'COWD', convert('a VMDK disk image of an old ESX (COWD)', '-f vmdk')),
  at(
    0,
    '\xbe\xba\xfe\xca\0\0\0\0',
    advise(
      'a VMDK disk image of a snapshot (SEsparse)',
      'Consolidate the snapshots of the machine first, or export it: vmkfstools -i disk.vmdk -d thin copy.vmdk',
    ),
  ),
  at(0, '# Disk DescriptorFile', VMDK_DESCRIPTOR),
  at(64, '\x7f\x10\xda\xbe', convert('a VDI disk image')),
  at(0, 'WithoutFreeSpace', convert('a Parallels disk image', '-f parallels')),
  at(0, 'WithouFreSpacExt', convert('a Parallels disk image', '-f parallels')),
  at(0, 'Bochs Virtual HD Image', convert('a Bochs disk image', '-f bochs')),
  at(0, '#!/bin/sh\n#V2.0 Format', convert('a compressed loop image (cloop)', '-f cloop')),
  at(-512, 'koly', advise('a DMG disk image of macOS', DMG)),
  at(0, 'encrcdsa', advise('an encrypted DMG disk image of macOS', DMG_ON_MAC)),
  at(0, 'sprs\0', advise('a sparse disk image of macOS', DMG_ON_MAC)),
  at(0, '\x3a\xff\x26\xed', advise('an Android sparse image', SIMG)),

  at(0, 'MSWIM\0\0\0', advise('a Windows image (WIM or ESD)', APPLY_IMAGE)),
  at(0, 'WLPWM\0\0\0', advise('a Windows image (pipable WIM)', APPLY_IMAGE)),
  at(4, 'SignedImage ', advise('a Full Flash Update image (FFU)', APPLY_FFU)),
  at(0, 'EVF\x09\x0d\x0a\xff\0', advise('an EWF image (E01) of EnCase', EWF)),
  at(0, 'EVF2\x0d\x0a\x81\0', advise('an EWF image (Ex01) of EnCase', EWF)),
  at(
    0,
    'LVF\x09\x0d\x0a\xff\0',
    advise(
      'a logical evidence file (L01) of EnCase',
      'It contains files, not a disk. Copy them to a volume of a new VHD.',
    ),
  ),
  at(0, 'AFF10\x0d\x0a\0', advise('an AFF image', 'Convert it first: affconvert -r -e raw SOURCE')),
  // A ZIP archive that contains the disk in pieces of its own format.
  at(30, 'container.description', advise('an AFF4 image', EXPORT)),
  at(0, '\xb4\x6e\x68\x44', backup('Acronis True Image')),
  at(0, '\xfe\xef\x01', backup('Norton Ghost')),
  at(-64, 'MACRIUM_FILE', backup('Macrium Reflect')),
  at(0, 'partclone-image', advise('an image of partclone', PARTCLONE)),
  at(
    0,
    '\0ntfsclone-image',
    advise(
      'an image of ntfsclone',
      'It contains one partition. Restore it to the partition of a disk (ntfsclone --restore-image --overwrite /dev/sdX1 SOURCE) and create a VHD from the disk.',
    ),
  ),
  at(0, 'PaRtImAgE-VoLuMe', backup('Partimage')),
  at(0, 'FsArCh_0', backup('FSArchiver')),
  at(0, 'VMA\0', advise('a backup of Proxmox VE (VMA)', 'Extract its disks to a new folder: vma extract SOURCE disks')),

  at(
    0,
    'hsqs',
    advise(
      'a SquashFS file system',
      'It contains the files of a live medium, not a disk. Copy them to a volume of a new VHD: unsquashfs -d files SOURCE',
    ),
  ),
  at(0, 'LUKS\xba\xbe', advise('a volume encrypted with LUKS', LUKS)),
  at(
    0,
    '\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0',
    advise('a raw image of a CD', 'Convert it to an ISO image first (bchunk), and install from it to a new VHD.'),
  ),
  at(0, 'IsZ!', advise('a compressed CD or DVD image of UltraISO (ISZ)', INSTALL)),
  at(0, 'DAA\0', advise('a compressed CD or DVD image of PowerISO (DAA)', INSTALL)),
  at(0, 'CISO', advise('a compressed CD or DVD image (CSO)', INSTALL)),

  at(0, '\x1f\x8b', decompress('a gzip archive', 'gzip -dc')),
  at(0, '\xfd7zXZ\0', decompress('an xz archive', 'xz -dc')),
  at(0, 'PK\x03\x04', unpack('a ZIP archive', 'unzip')),
  at(0, 'PK\x07\x08', advise('the first part of a split ZIP archive', SPLIT_ZIP)),
  at(0, 'PK\x05\x06', unpack('an empty ZIP archive', 'unzip')),
  at(0, "7z\xbc\xaf'\x1c", unpack('a 7-Zip archive', '7z x')),
  at(0, 'Rar!\x1a\x07', unpack('a RAR archive', 'unrar x')),
  at(0, '\x28\xb5\x2f\xfd', decompress('a Zstandard archive', 'zstd -dc')),
  at(0, '\x04\x22\x4d\x18', decompress('an LZ4 archive', 'lz4 -dc')),
  at(0, '\x02\x21\x4c\x18', decompress('an LZ4 archive (legacy)', 'lz4 -dc')),
  at(0, 'BZh', decompress('a bzip2 archive', 'bzip2 -dc')),
  at(0, 'LZIP', decompress('an lzip archive', 'lzip -dc')),
  at(0, '\x89LZO\0\x0d\x0a\x1a\x0a', decompress('an lzop archive', 'lzop -dc')),
  at(0, 'MSCF\0\0\0\0', unpack('a cabinet archive', 'cabextract')),
  at(0, '070701', CPIO),
  at(0, '070702', CPIO),
  at(0, '070707', CPIO),
  at(0, '!<arch>\n', unpack('an ar archive, as Debian packages are', 'ar x')),
  at(0, '\xed\xab\xee\xdb', unpack('an RPM package', 'rpm2archive')),
  at(0, 'age-encryption.org/', advise('a file encrypted with age', `${DECRYPT} age -d -o disk.img SOURCE`)),
  at(
    0,
    'Salted__',
    advise(
      'a file encrypted with OpenSSL',
      'Decrypt it first with the options that encrypted it (openssl enc -d), then use the disk image inside.',
    ),
  ),
  at(0, '-----BEGIN PGP MESSAGE', advise('a file encrypted with PGP', `${DECRYPT} gpg -o disk.img -d SOURCE`)),
  at(0, '%PDF-', advise('a PDF document', 'Use the disk image itself.')),
  at(0, '\x7fELF', advise('a program for Linux', 'Use the disk image itself.')),
];

const LONGEST = Math.max(
  ...SIGNATURES.filter(({ offset }) => offset >= 0).map(({ offset, bytes }) => offset + bytes.length),
);
const FURTHEST = Math.max(...SIGNATURES.map(({ offset }) => -offset));

/** The format that the first and the last bytes of `file` reveal. */
export async function bySignature(file: ImageFile): Promise<ForeignFormat | undefined> {
  const head = Buffer.alloc(Math.min(LONGEST, file.size));
  await file.read(0, head);
  const tail = Buffer.alloc(Math.min(FURTHEST, file.size));
  await file.read(file.size - tail.length, tail);
  return SIGNATURES.find(({ offset, bytes }) => {
    // Macrium's mark is in a footer whose length has grown over its versions.
    if (bytes === 'MACRIUM_FILE') return tail.subarray(offset).includes(bytes, 0, 'latin1');
    const from = offset < 0 ? tail.subarray(offset) : head.subarray(offset);
    return from.toString('latin1', 0, bytes.length) === bytes;
  })?.format;
}
