import { truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Crc32c } from '../../../src/base/crc32c.ts';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import { readActiveHeader, type VhdxHeader } from '../../../src/image/vhdx/headers.ts';
import {
  buildVhdx,
  encodeHeader,
  GIB,
  HEADER_1,
  HEADER_2,
  type HeaderSpec,
  MIB,
  nextGuid,
  patchFile,
} from '../../support/vhdx-builder.ts';
import { withFile, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();
let count = 0;

async function readHeaders(first: HeaderSpec, second: HeaderSpec): Promise<VhdxHeader> {
  const path = at(`headers-${count++}.vhdx`);
  buildVhdx(path, { size: MIB, headers: [first, second] });
  return await read(path);
}

async function read(path: string): Promise<VhdxHeader> {
  return await withFile(path, async (file) => await readActiveHeader(file, await Crc32c.create()));
}

describe('readActiveHeader', () => {
  it('uses the header with the higher sequence number, in either place', async () => {
    expect((await readHeaders({ sequence: 5n }, { sequence: 6n })).sequenceNumber).toBe(6n);
    expect((await readHeaders({ sequence: 8n }, { sequence: 7n })).sequenceNumber).toBe(8n);
  });

  it('compares sequence numbers as unsigned 64-bit numbers', async () => {
    const header = await readHeaders({ sequence: 0x8000000000000001n }, { sequence: 0x7fffffffffffffffn });
    expect(header.sequenceNumber).toBe(0x8000000000000001n);
  });

  it('uses the first header when both have the same number, as in files of Disk2vhd', async () => {
    const [one, other] = [nextGuid(), nextGuid()];
    const header = await readHeaders({ sequence: 1n, dataWriteGuid: one }, { sequence: 1n, dataWriteGuid: other });
    expect(header.dataWriteGuid).toBe(one);
  });

  it.each([
    ['first', [{ sequence: 9n, broken: true }, { sequence: 2n }], 2n],
    ['second', [{ sequence: 1n }, { sequence: 9n, broken: true }], 1n],
  ] as const)('uses the other header when the checksum of the %s is wrong', async (_, [first, second], sequence) => {
    expect((await readHeaders(first, second)).sequenceNumber).toBe(sequence);
  });

  it('refuses a file without a valid header, and names both checksums and signatures', async () => {
    const path = at('no-header.vhdx');
    buildVhdx(path, { size: MIB, headers: [{ broken: true }, {}] });
    patchFile(path, HEADER_2, Buffer.from('HEAD'));
    await expect(read(path)).rejects.toThrow(CorruptImageError);
    await expect(read(path)).rejects.toThrow(
      /neither of its two headers is valid \(at 65536 the checksum is 0x[0-9a-f]{8}, but its bytes give 0x[0-9a-f]{8}; at 131072 the signature "head" is missing\)/,
    );
  });

  it('refuses a file that ends in the header section', async () => {
    const path = at('cut.vhdx');
    buildVhdx(path, { size: MIB });
    truncateSync(path, MIB - 1);
    await expect(read(path)).rejects.toThrow(/needs 1048576 bytes, but the file has 1048575. It was truncated/);
  });

  it('refuses a file that is not a VHDX, and shows how it begins', async () => {
    const path = at('other.vhdx');
    writeFileSync(path, Buffer.concat([Buffer.from('QFI\x1b[31m\0', 'latin1'), Buffer.alloc(2 * MIB)]));
    await expect(read(path)).rejects.toThrow(UnsupportedImageError);
    await expect(read(path)).rejects.toThrow(/begins with "QFI\\u\{1b\}\[31m"/);
  });

  it('refuses other format versions, and other log versions if there is a log to replay', async () => {
    await expect(readHeaders({}, { version: 2, sequence: 2n })).rejects.toThrow(
      /VHDX version 2; vhdup reads only version 1/,
    );
    await expect(readHeaders({}, { logVersion: 1, sequence: 2n, logGuid: nextGuid() })).rejects.toThrow(
      /its log has version 1/,
    );
    expect((await readHeaders({}, { logVersion: 1, sequence: 2n })).logGuid).toBeUndefined();
  });

  it.each([
    ['is not aligned to 1 MiB', { logOffset: MIB + 4096 }, /whole MiBs/],
    ['is not a whole number of MiB', { logLength: 4096 }, /whole MiBs/],
    ['lies in the header section', { logOffset: 0 }, /begin after the first MiB/],
    ['ends after the file', { logOffset: 3 * MIB, logLength: 64 * MIB }, /ends at 70254592 of/],
    ['begins beyond 8 PiB', { logOffset: 2 ** 60 }, /log offset is 1152921504606846976/],
  ])('refuses a log that %s', async (_, header, message) => {
    await expect(readHeaders({}, { sequence: 2n, ...header })).rejects.toThrow(message);
  });

  it('refuses a log of more than 1 GiB, which would take too long to search', async () => {
    const path = at('large-log.vhdx');
    buildVhdx(path, { size: MIB, headers: [{}, { sequence: 2n, logLength: 1025 * MIB }] });
    truncateSync(path, 2 * GIB);
    await expect(read(path)).rejects.toThrow(/its log has 1074790400 bytes; vhdup reads at most 1073741824/);
  });

  it('accepts a file without a log, unless the header names one', async () => {
    expect(await readHeaders({}, { sequence: 2n, logLength: 0 })).toMatchObject({ logOffset: 0, logLength: 0 });
    await expect(readHeaders({}, { sequence: 2n, logLength: 0, logGuid: nextGuid() })).rejects.toThrow(
      /the log has a length of 0/,
    );
  });

  it('ignores the header that is not active', async () => {
    const path = at('inactive.vhdx');
    buildVhdx(path, { size: MIB });
    patchFile(path, HEADER_1, encodeHeader({ sequence: 0n, version: 9, logOffset: 1 }));
    expect((await read(path)).sequenceNumber).toBe(2n);
  });
});
