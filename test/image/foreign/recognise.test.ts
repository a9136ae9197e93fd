// A file that is not a VHD is identified, with a next step that can be pasted.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { writeGpt, writeMbr } from '../../support/partition-table-builder.ts';
import { failureOf, openWatched, temporaryFolder } from '../../support/vhd-fixtures.ts';

async function fileOf(bytes: Uint8Array, name = 'disk.vhd'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, bytes);
  return path;
}

async function messageFor(bytes: Uint8Array, name?: string): Promise<string> {
  const error = await failureOf(openDiskImage(await fileOf(bytes, name)));
  expect(error).toBeInstanceOf(UnsupportedImageError);
  expect(error.message).not.toContain('--format raw');
  return error.message;
}

function at(offset: number, bytes: string, size = 128 * 1024): Buffer {
  const file = Buffer.alloc(size);
  file.write(bytes, offset < 0 ? size + offset : offset, 'latin1');
  return file;
}

/** A POSIX tar archive in which each member has `size` zeros. */
function tar(...members: readonly (readonly [name: string, size: number])[]): Buffer {
  const blocks = members.flatMap(([name, size]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    header.fill(' ', 148, 156);
    header.write('ustar\0', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, Buffer.alloc(Math.ceil(size / 512) * 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function iso(size = 256 * 1024): Buffer {
  const file = at(32769, 'CD001', size);
  file.writeUInt8(1, 32768);
  file.write('\xffCD001', 34816, 'latin1');
  return file;
}

describe('a file that is not a VHD', () => {
  it.each([
    ['QFI\xfb\0\0\0\x03', 0, 'a QCOW2 disk image', /qemu-img convert -O vpc/],
    ['QED\0', 0, 'a QED disk image', /-f qed/],
    ['COWD', 0, 'a VMDK disk image of an old ESX (COWD)', /qemu-img convert -f vmdk/],
    ['\xbe\xba\xfe\xca', 0, 'a VMDK disk image of a snapshot', /vmkfstools/],
    ['WithoutFreeSpace', 0, 'a Parallels disk image', /-f parallels/],
    ['WithouFreSpacExt', 0, 'a Parallels disk image', /-f parallels/],
    ['koly', -512, 'a DMG disk image', /-f dmg/],
    ['encrcdsa', 0, 'an encrypted DMG', /hdiutil/],
    ['\x3a\xff\x26\xed', 0, 'an Android sparse image', /simg2img/],
    ['MSWIM\0\0\0', 0, 'a Windows image (WIM or ESD)', /DISM \/Apply-Image/],
    ['EVF\x09\x0d\x0a\xff\0', 0, 'an EWF image (E01)', /ewfexport/],
    ['EVF2\x0d\x0a\x81\0', 0, 'an EWF image (Ex01)', /ewfexport/],
    ['AFF10\x0d\x0a\0', 0, 'an AFF image', /affconvert/],
    [
      '\xb4\x6e\x68\x44',
      0,
      'a backup of Acronis True Image',
      / Restore it to a disk with Acronis True Image and create a VHD from that disk\.$/,
    ],
    [
      '\xfe\xef\x01',
      0,
      'a backup of Norton Ghost',
      / Restore it to a disk with Norton Ghost and create a VHD from that disk\.$/,
    ],
    ['MACRIUM_FILE', -12, 'a backup of Macrium Reflect', /Restore it/],
    ['partclone-image', 0, 'an image of partclone', /partclone.restore -s/],
    ['hsqs', 0, 'a SquashFS file system', /unsquashfs/],
    ['LUKS\xba\xbe', 0, 'a volume encrypted with LUKS', /cryptsetup open/],
    ['Rar!\x1a\x07', 0, 'a RAR archive', /unrar x/],
    ['\x04\x22\x4d\x18', 0, 'an LZ4 archive', /inside: \S/],
    ['MSCF\0\0\0\0', 0, 'a cabinet archive', /cabextract/],
    ['VMA\0', 0, 'a backup of Proxmox VE (VMA)', /vma extract \S+ disks$/],
    ['PK\x07\x08', 0, 'the first part of a split ZIP archive', /zip -s 0 archive\.zip --out whole\.zip$/],
    ['070702', 0, 'a cpio archive', /cpio -id < \S+$/],
    ['070707', 0, 'a cpio archive', /cpio -id < \S+$/],
    ['IsZ!', 0, 'a compressed CD or DVD image of UltraISO (ISZ)', /install the system on a new VHD/],
    ['DAA\0', 0, 'a compressed CD or DVD image of PowerISO (DAA)', /install the system on a new VHD/],
    ['CISO', 0, 'a compressed CD or DVD image (CSO)', /install the system on a new VHD/],
    ['sprs\0\0\0\x03', 0, 'a sparse disk image of macOS', /hdiutil/],
    ['SignedImage ', 4, 'a Full Flash Update image (FFU)', /DISM \/Apply-Ffu .*\\\\\.\\PhysicalDriveN/],
    [`${'PK\x03\x04'.padEnd(30, '\x01')}container.description`, 0, 'an AFF4 image', /Export the disk/],
    ['age-encryption.org/v1\n-> X25519', 0, 'a file encrypted with age', /age -d -o disk\.img \S+$/],
    ['Salted__', 0, 'a file encrypted with OpenSSL', /openssl enc -d/],
    ['-----BEGIN PGP MESSAGE-----\n', 0, 'a file encrypted with PGP', /gpg -o disk\.img -d \S+$/],
    ['%PDF-1.7', 0, 'a PDF document', /Use the disk image itself/],
  ])('with %j at %i is identified as %s', async (bytes, offset, name, nextStep) => {
    const message = await messageFor(at(offset, bytes));
    expect(message).toContain(`it is ${name}`);
    expect(message).toMatch(nextStep);
  });

  it.each([
    ['<!DOCTYPE html><html><title>Sign in</title>', 'a web page (HTML)', /Sign in or get a new link/],
    ['\ufeff\n  <html lang="de">', 'a web page (HTML)', /download it again/],
    ['<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code></Error>', 'an XML document', /download/],
    ['{"error":{"code":"expired"}}', 'a JSON document', /download/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n', 'a pointer of Git LFS', /git lfs pull/],
    ['<?xml version="1.0"?>\n<Parallels_disk_image Version="1.0">', 'the descriptor of a Parallels', /disk\.hds/],
    ['<?xml version="1.0"?>\n<Envelope xmlns="http://x">', 'the description of an appliance (OVF)', /Use the disk/],
    ['404 page not found\n', 'a text file', /Use the disk image itself/],
  ])('with the text %j is identified as %s', async (text, name, nextStep) => {
    const wide = utf16(text);
    const unmarked = wide.subarray(2);
    const all = [
      Buffer.from(text),
      Buffer.from(text + 'x '.repeat(4096)),
      wide,
      unmarked,
      Buffer.from(unmarked).swap16(),
    ];
    for (const bytes of all) {
      const message = await messageFor(bytes);
      expect(message).toContain(`it is ${name}`);
      expect(message).toMatch(nextStep);
    }
  });

  it('is identified as a web page in an older encoding', async () => {
    expect(await messageFor(Buffer.from('<html><title>Anmeldung f\xfcr', 'latin1'))).toContain('it is a web page');
  });

  it.each([
    ['Acc\xe8s refus\xe9\n', 'a text file'],
    ['{"error":"Zugriff f\xfcr Sie gesperrt"}', 'a JSON document'],
  ])('is identified as text in an older encoding: %j', async (text, name) => {
    expect(await messageFor(Buffer.from(text, 'latin1'))).toContain(`it is ${name}`);
  });

  it('is not taken for text because of bytes above ASCII', async () => {
    expect((await failureOf(openDiskImage(await fileOf(Buffer.alloc(4096, 0xff))))).message).toContain('--format raw');
  });

  it('is reported when it is empty or all zeros', async () => {
    expect(await messageFor(Buffer.alloc(0))).toContain('it is an empty file (0 bytes)');
    expect(await messageFor(Buffer.alloc(300_000))).toMatch(/it is a file without data.*OneDrive/);
  });

  it('is not reported as all zeros when it has data anywhere', async () => {
    const bytes = Buffer.alloc(3_000_000);
    bytes.writeUInt8(1, 1_234_567);
    expect((await failureOf(openDiskImage(await fileOf(bytes)))).message).toContain('use --format raw');
  });

  it.each([
    ['backup.vbk', /a backup of Veeam, by its name.*Export Disk/],
    ['shared.vhds', /a VHD Set, by its name.*Convert-VHD/],
    ['disk.tibx', /a backup of Acronis, by its name/],
  ])('is identified by its name, %s, when its contents are unknown', async (name, message) => {
    expect(await messageFor(Buffer.alloc(4096, 1), name)).toMatch(message);
  });
});

describe.skipIf(process.platform === 'win32')('the command for a compressed file works', () => {
  const content = Buffer.alloc(300_000, 'disk');

  it.each([
    ['gzip', ['-c']],
    ['xz', ['-c']],
    ['xz', ['--format=lzma', '-c']],
    ['bzip2', ['-c']],
    ['zstd', ['-c']],
    ['lz4', ['-c']],
    ['lzip', ['-c']],
    ['lzop', ['-c']],
  ] as const)('%s %j, whatever the name of the file is', async (program, options) => {
    if (spawnSync(program, ['--version']).error !== undefined) return;
    const compressed = execFileSync(program, options, { input: content });
    for (const [name, unpacked] of [
      ["Bob's disk.vhd", "Bob's disk-unpacked.vhd"],
      ['disk.vhd.gz', 'disk-unpacked.vhd'],
      ['disk', 'disk-unpacked.img'],
    ] as const) {
      const path = await fileOf(compressed, name);
      const [, command = ''] = (await failureOf(openDiskImage(path))).message.split('inside: ');
      execFileSync('sh', ['-c', command]);
      expect(await readFile(join(dirname(path), unpacked))).toEqual(content);
      expect(await readFile(path)).toEqual(compressed);
    }
  });
});

describe('a tar archive', () => {
  it('is identified as an OVA by its description, and the disk in it is named', async () => {
    const message = await messageFor(tar(['vm.ovf', 700], ['vm.mf', 10], ['vm disk1.vmdk', 4096]), 'vm.ova');
    expect(message).toMatch(/it is an OVA appliance \(tar\)/);
    expect(message).toMatch(/tar -xf \S*vm\.ova 'vm disk1\.vmdk' && qemu-img convert .* 'vm disk1\.vmdk' disk\.vhd/);
  });

  it.each([
    [[['ova.xml', 100] as const, ['Ref:7/00000000', 1048576] as const], /an XVA appliance.*xe vm-import filename=/],
    [[['images/disk.vhd', 512] as const], /a tar archive.*tar -xf \S+ images\/disk\.vhd$/],
    [[['disk.raw.xz', 512] as const], /a tar archive.*unpack it: tar -xf \S+ disk\.raw\.xz && xz -d disk\.raw\.xz$/],
    [[['notes.txt', 512] as const], /a tar archive.*Unpack it first, then use the disk image inside/],
  ])('with %j is identified by its members', async (members, message) => {
    expect(await messageFor(tar(...members))).toMatch(message);
  });

  it('with a compressed disk is unpacked with 7-Zip on Windows, which has no gzip', async () => {
    const path = await fileOf(tar(['disk.vhd.gz', 512]), 'a.tar');
    const { platform } = process;
    Object.defineProperty(process, 'platform', { value: 'win32' });
    try {
      expect((await failureOf(openDiskImage(path))).message).toMatch(/&& 7z x '?disk\.vhd\.gz'?$/);
    } finally {
      Object.defineProperty(process, 'platform', { value: platform });
    }
  });

  it('is read only as far as its members are valid', async () => {
    const archive = tar(['vm.ovf', 10], ['disk.vmdk', 10]);
    archive.write('77777777777', 124);
    expect(await failureOf(openDiskImage(await fileOf(archive)))).toBeInstanceOf(UnsupportedImageError);
  });
});

describe('a CD or DVD image', () => {
  it('is identified, and not accepted as a disk', async () => {
    expect(await messageFor(iso())).toMatch(/it is an ISO 9660 image of a CD or DVD.*install the system on a new VHD/);
  });

  it('is identified when it uses UDF, as Windows media do', async () => {
    const bridge = iso();
    for (const [index, id] of ['\0BEA01', '\0NSR02', '\0TEA01'].entries())
      bridge.write(id, 36864 + index * 2048, 'latin1');
    expect(await messageFor(bridge)).toContain('it is an ISO 9660 and UDF image');
    const udf = at(32768, '\0BEA01');
    udf.write('\0NSR03', 34816, 'latin1');
    expect(await messageFor(udf)).toContain('it is a UDF image');
  });

  it.each(['mbr', 'gpt'] as const)(
    'is not accepted as a disk although it is hybrid and has a partition table: %s',
    async (table) => {
      const hybrid = iso(1024 * 1024);
      if (table === 'mbr') writeMbr(hybrid, [{ slot: 1, type: 0x17, first: 64, count: 512, active: true }]);
      else writeGpt(hybrid, [{ type: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7', first: 80n, last: 511n }]);
      const message = await messageFor(hybrid);
      expect(message).toMatch(/partition table for USB sticks \(hybrid\).*Azure cannot boot from it/);
      expect((await openWatched(await fileOf(hybrid), { format: 'raw' })).image.format).toBe('raw');
    },
  );
});

it('accepts a raw disk that has such contents in a partition', async () => {
  const disk = Buffer.alloc(1024 * 1024);
  writeMbr(disk, [{ slot: 1, type: 0x83, first: 1024, count: 512 }]);
  iso().copy(disk, 512 * 1024);
  expect((await openWatched(await fileOf(disk))).image.format).toBe('raw');
});

it('keeps an error about a VHD, whatever the disk contains', async () => {
  const bytes = at(0, 'conectix', 4096);
  bytes.write('conectix', 4096 - 512, 'latin1');
  expect(await failureOf(openDiskImage(await fileOf(bytes)))).toBeInstanceOf(CorruptImageError);
});

function utf16(text: string): Buffer {
  return Buffer.from(`\ufeff${text.replace('\ufeff', '')}`, 'utf16le');
}

it.each([
  [3, '-FVE-FS-', 'a volume encrypted with BitLocker'],
  [512, 'LABELONE', 'a physical volume of LVM'],
  [3, 'EXFAT   ', 'an exFAT file system'],
])('names a volume without a partition table, and how to upload it: %i %j', async (offset, bytes, name) => {
  const { message } = await failureOf(openDiskImage(await fileOf(at(offset, bytes), 'disk.raw')));
  expect(message).toMatch(new RegExp(`it is ${name} without a partition table.*upload it as it is with --format raw`));
});
