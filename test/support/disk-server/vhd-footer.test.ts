import { expect, it } from 'vitest';
import { Fields } from '../../../src/image/fields.ts';
import { checksumProblem, decodeFooter } from '../../../src/image/vhd/footer.ts';
import { seal } from '../vhd-builder.ts';
import { fixedFooter, footerProblem } from './vhd-footer.ts';

const SIZE = 20 * 1024 * 1024;

it('a fixed footer is one for the reader of vhdup too', () => {
  const fields = new Fields(fixedFooter(SIZE), { path: 'disk.vhd', structure: 'footer', offset: SIZE }, 'big');
  expect(checksumProblem(fields)).toBeUndefined();
  expect(decodeFooter(fields)).toMatchObject({ currentSize: SIZE, diskType: 2 });
  expect(footerProblem(fixedFooter(SIZE), SIZE)).toBeUndefined();
});

it.each([
  ['cookie', (footer: Buffer) => footer.write('conectiX', 0)],
  ['checksum', (footer: Buffer) => footer.writeUInt8(1, 84)],
  ['disk type', (footer: Buffer) => footer.writeUInt32BE(3, 60) && seal(footer, 64)],
  ['current size', (footer: Buffer) => footer.writeBigUInt64BE(BigInt(SIZE - 512), 48) && seal(footer, 64)],
])('a footer with another %s is refused', (field, damage) => {
  const footer = fixedFooter(SIZE);
  damage(footer);
  expect(footerProblem(footer, SIZE)?.field).toBe(field);
});

it('a page of zeros has no cookie', () => {
  expect(footerProblem(Buffer.alloc(512), SIZE)?.field).toBe('cookie');
});
