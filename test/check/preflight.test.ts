import { describe, expect, it } from 'vitest';
import { checkBeforeUpload } from '../../src/check/preflight.ts';
import { DiskCheckError } from '../../src/errors.ts';
import type { DiskImage } from '../../src/image/disk-image.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { buildTemporary, failureOf, openWatched } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const TIB = 1024 * 1024 * MIB;
const BLOB = { blobName: 'disk.vhd' };

async function open(size: number, creatorApplication = 'win '): Promise<DiskImage> {
  const { path } = await buildTemporary({ type: 'fixed', size, creatorApplication });
  return (await openWatched(path)).image;
}

describe('the preflight check', () => {
  it('reports nothing for an ordinary disk', async () => {
    expect(await checkBeforeUpload(await open(20 * MIB), [], BLOB)).toEqual([]);
  });

  it('accepts a small disk, with a warning', async () => {
    const findings = await checkBeforeUpload(await open(MIB), [], BLOB);
    expect(findings.map(({ id }) => id)).toEqual(['size-minimum']);
  });

  it('warns of a blob name and a creator that cause trouble later', async () => {
    const findings = await checkBeforeUpload(await open(20 * MIB, 'qemu'), [], { blobName: 'a%b' });
    expect(findings.map(({ id }) => id)).toEqual(['creator', 'blob-name']);
  });

  it('refuses a disk that is too large for a page blob, and names the next step', async () => {
    const failure = await failureOf(checkBeforeUpload(await open(8 * TIB), [], BLOB));
    expect(failure).toBeInstanceOf(DiskCheckError);
    expect(failure.message).toMatch(
      /^Azure would reject .*disk\.vhd, so nothing was sent\. .*8192 GiB.*managed disk.*--skip-checks\.$/,
    );
  });

  it('refuses a disk with sectors of 4096 bytes', async () => {
    const warning = { code: 'sector-size-4096', message: '' };
    const failure = await failureOf(checkBeforeUpload(await open(20 * MIB), [warning], BLOB));
    expect(failure.message).toContain('LogicalSectorSizeBytes 512');
  });

  it('reads only a few KiB of the disk', async () => {
    const { path } = await buildTemporary({ type: 'fixed', size: 64 * MIB });
    const image = await openDiskImage(path);
    let bytesRead = 0;
    const counting = new Proxy(image, {
      get: (target, name) => {
        if (name === 'read') {
          return (range: { length: number; offset: number }, into: Uint8Array) => {
            bytesRead += range.length;
            return target.read(range, into);
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await checkBeforeUpload(counting, [], BLOB);
    await image.close();
    expect(bytesRead).toBeGreaterThan(0);
    expect(bytesRead).toBeLessThan(256 * 1024);
  });
});
