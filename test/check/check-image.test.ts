import { describe, expect, it } from 'vitest';
import { type CheckOptions, checkImage } from '../../src/check/check-image.ts';
import { ImageAccessError, UsageError } from '../../src/errors.ts';
import { buildTemporary, failureOf } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

describe('checkImage', () => {
  it('refuses an unknown purpose', async () => {
    const purpose = 'toaster' as 'vm';
    expect(await failureOf(checkImage({ image: 'disk.vhd', purpose }))).toBeInstanceOf(UsageError);
  });

  it('refuses a state of the operating system that no disk for the purpose has', async () => {
    const refusal = async (options: Partial<CheckOptions>) =>
      await failureOf(checkImage({ image: 'disk.vhd', ...options }));
    const both = { purpose: 'marketplace', osState: 'specialized' } as const;
    expect(await refusal(both)).toMatchObject({ message: expect.stringContaining('generalized images only') });
    const data = { purpose: 'data-disk', osState: 'generalized' } as const;
    expect(await refusal(data)).toMatchObject({ message: expect.stringContaining('no operating system') });
    expect(await refusal({ osState: 'new' as 'generalized' })).toBeInstanceOf(UsageError);
  });

  it('throws when the file does not exist, and reports the problems of a damaged one', async () => {
    expect(await failureOf(checkImage({ image: '/nowhere/disk.vhd' }))).toBeInstanceOf(ImageAccessError);
    const { path } = await buildTemporary({ type: 'dynamic', size: 24 * MIB, footers: 'head', maxTableEntries: 3 });
    const report = await checkImage({ image: path });
    expect(report).toMatchObject({ image: path, purpose: 'vm', result: 'fail' });
    expect(report.findings.map(({ id, result }) => [id, result])).toEqual([['image-readable', 'fail']]);
    expect(report).not.toHaveProperty('format');
  });

  it('rejects with the abort reason of its signal', async () => {
    const { path } = await buildTemporary({ type: 'fixed', size: 24 * MIB });
    const reason = new Error('stopped by the test');
    expect(await failureOf(checkImage({ image: path, signal: AbortSignal.abort(reason) }))).toBe(reason);
  });
});
