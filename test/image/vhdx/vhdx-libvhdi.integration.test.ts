// libvhdi reads files of the test builder. It is the only other reader here that supports differencing VHDX files.
import { describe, expect, it, type TestContext } from 'vitest';
import { hasVhdimount, NO_LIBVHDI, withVhdimount } from '../../support/libvhdi.ts';
import { buildVhdx, MIB, pattern, type VhdxLayout } from '../../support/vhdx-builder.ts';
import { firstDifference, withImage, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();

async function expectAgreement(ctx: TestContext, { path }: VhdxLayout): Promise<void> {
  const difference = await withVhdimount(path, async (disk) => ({
    first: await withImage(path, async (image) => await firstDifference(image, disk)),
  }));
  if (difference === undefined) ctx.skip(NO_LIBVHDI);
  else expect(difference.first).toBeUndefined();
}

describe.skipIf(!hasVhdimount)(`libvhdi and vhdup read the same (or: ${NO_LIBVHDI})`, () => {
  const blocks = [3, 0].map((index) => ({ index, pieces: [{ at: 0, bytes: pattern(index, MIB) }] }));

  it('a dynamic disk', async (ctx) => {
    await expectAgreement(ctx, buildVhdx(at('dynamic.vhdx'), { size: 5 * MIB + 512, blocks }));
  });

  it('a disk with sectors of 4096 bytes', async (ctx) => {
    await expectAgreement(ctx, buildVhdx(at('4k.vhdx'), { size: 5 * MIB, logicalSectorSize: 4096, blocks }));
  });

  it('a differencing disk with a different block size than its parent', async (ctx) => {
    const parent = buildVhdx(at('parent.vhdx'), { size: 8 * MIB, blocks });
    const child = buildVhdx(at('child.vhdx'), {
      size: 8 * MIB,
      blockSize: 2 * MIB,
      parent: {
        parent_linkage: `{${parent.dataWriteGuid}}`,
        relative_path: '.\\parent.vhdx',
        absolute_win32_path: 'C:\\parent.vhdx',
      },
      blocks: [
        {
          index: 0,
          state: 7,
          present: [
            [0, 2],
            [3, 1],
            [6, 2],
            [8, 16],
            [257, 64],
            [500, 1],
          ],
          pieces: [{ at: 0, bytes: pattern(7, 2 * MIB) }],
        },
        { index: 2, pieces: [{ at: 512, bytes: pattern(8, 512) }] },
      ],
    });
    await expectAgreement(ctx, child);
  });
});
