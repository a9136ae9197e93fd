// Images from other tools. The checksums are of the virtual disks. All readers that support an image agree on them.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NO_SHARED_IMAGES, sharedImages } from '../../support/shared-images.ts';
import { sha256Of, withImage } from '../../support/vhdx-workspace.ts';

interface Known {
  readonly name: string;
  readonly format: 'vhdx-fixed' | 'vhdx-dynamic' | 'vhdx-differencing';
  readonly size: number;
  readonly sha256: string;
  readonly warnings?: readonly string[];
}

const dynamic = 'vhdx-dynamic';
const fixed = 'vhdx-fixed';
const differencing = 'vhdx-differencing';

const IMAGES: readonly Known[] = [
  {
    name: 'dfvfs/ext2.vhdx',
    format: dynamic,
    size: 4194304,
    sha256: 'a6c2f0e39afe6c6ab432ca5465349fcefe8dc944398e97b2d957d3f89dbb5d80',
  },
  {
    name: 'dfvfs/fat-parent.vhdx',
    format: fixed,
    size: 4194304,
    sha256: '2d1954fec68faefe81dd3687282a9b387bf8417f6d2cf0da3825fa1445b64cfb',
  },
  {
    name: 'dfvfs/fat-differential.vhdx',
    format: differencing,
    size: 4194304,
    sha256: 'a538161f34bc44c12bf9a542ce9218741c62728723ea18d0e4f6ea92e9f32e93',
  },
  {
    name: 'dfvfs/ntfs-fixed.vhdx',
    format: fixed,
    size: 4194304,
    sha256: '5237dd895f38052344e2ef35a207fe9df08cd18d17b6ea857a1b93cc475e1f2e',
  },
  {
    name: 'dfvfs/ntfs-dynamic.vhdx',
    format: dynamic,
    size: 4194304,
    sha256: 'b92731f8e4bf3532418444d22a9086823a8122569500acd09cd8d2ce20eb98e9',
  },
  {
    name: 'dfvfs/ntfs-parent.vhdx',
    format: fixed,
    size: 4194304,
    sha256: 'c5523065bc6ef82267be56c5f8888e2876ead8ba7edba2a65a3da8b076231b68',
  },
  {
    name: 'dfvfs/ntfs-differential.vhdx',
    format: differencing,
    size: 4194304,
    sha256: '1ef1fb5360247aa7d36a38415bc7bf6e1e52f62af5e6bd1283815e82584c7efc',
  },
  {
    name: 'discutils/btrfs.vhdx',
    format: dynamic,
    size: 1073741824,
    sha256: '0b959f9cb4e18348ad8b646f152178282542c8304f02fddf765e3fd1a1de6864',
  },
  {
    name: 'discutils/lvm2.vhdx',
    format: dynamic,
    size: 10737418240,
    sha256: 'f7dc6812a3b12a35f3ec895ce981bd59ff4558270fc80cd812c9cd522bff1295',
  },
  {
    name: 'discutils/swap.vhdx',
    format: dynamic,
    size: 10737418240,
    sha256: '60dd30b4c74361427d1089510cabb36e2eeda0cc4747f467ea43173acd358c49',
  },
  {
    name: 'discutils/xfs.vhdx',
    format: dynamic,
    size: 10737418240,
    sha256: '8ca2bd2d91f1c6ada47128fc2f8d38587e73954ede5a664fe2bb09c19606060e',
  },
  {
    name: 'discutils/xfs5.vhdx',
    format: dynamic,
    size: 10737418240,
    sha256: 'edc5d630b2da0ddb08992afb58ded06ffb56b884e184b4974fda16e31b7e6817',
  },
  {
    name: 'discutils/vhdx-log-replay.vhdx',
    format: dynamic,
    size: 1073741824,
    sha256: '3ba3b309425b7ff5e8e0199edceed95226250f880c53b24e8eae93865f3fad5e',
    warnings: ['log-replayed'],
  },
  {
    name: 'openvmm/c9-base.vhdx',
    format: dynamic,
    size: 9663676416,
    sha256: 'fee2864d2acc19bd127ad024685abffa18f21511cc7db8c4b9fba8d9b15af520',
  },
  {
    name: 'openvmm/c9-child.vhdx',
    format: differencing,
    size: 9663676416,
    sha256: '5377095b2ecf08082714a6c02b6ec91f7f6255a40407f45b56392772e720e8ac',
  },
  {
    name: 'openvmm/k4-base.vhdx',
    format: dynamic,
    size: 314572800,
    sha256: 'faaeab9e29d3f42baba7f72bf2e065668763dd839b259e488ffa02cd5dbb1c6e',
    warnings: ['sector-size-4096'],
  },
  {
    name: 'openvmm/fx-base.vhdx',
    format: fixed,
    size: 52430336,
    sha256: 'fd9c190af241050a22b56e30eec38b3198a3a47d1094e6c0e84235f75dbe45ee',
  },
  {
    name: 'openvmm/fx-child.vhdx',
    format: differencing,
    size: 52430336,
    sha256: 'ed25e3a41c01a7c11bc218d01147cbe68876baf2253f1202a6f4233c645102e7',
  },
  {
    name: 'openvmm/b-base1m.vhdx',
    format: dynamic,
    size: 629145600,
    sha256: 'e1c9aefcaf0958839a3a56083993163d3afb38b086002fd6ddf4a61381fe3fe6',
  },
  {
    name: 'openvmm/b-child256m.vhdx',
    format: differencing,
    size: 629145600,
    sha256: 'e56aaeff8b92f16e7270193b2df7ffbaaede87277c09e73abfcb2dbe8e8599c9',
  },
  {
    name: 'openvmm/dirty-multi.vhdx',
    format: dynamic,
    size: 2147483648,
    sha256: '0157d521ad17b20f8949f2b861a674bcf02efd7f78d2d064d953f31deec61bd2',
    warnings: ['log-replayed'],
  },
];

describe.skipIf(sharedImages === undefined)(`an image from another tool (or: ${NO_SHARED_IMAGES})`, () => {
  it.each(IMAGES)(
    '$name reads the same as with all other readers',
    async ({ name, format, size, sha256, warnings = [] }) => {
      await withImage(join(sharedImages ?? '', name), async (image, seen) => {
        expect(image).toMatchObject({ format, size });
        expect(await sha256Of(image)).toBe(sha256);
        expect(seen.map(({ code }) => code)).toEqual(warnings);
      });
    },
  );
});
