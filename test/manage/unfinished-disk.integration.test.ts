// vhdup list and vhdup abort, for the upload to a managed disk.
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { abortDisk } from '../../src/manage/abort-disk.ts';
import { abortUnfinished } from '../../src/manage/abort-unfinished.ts';
import { listUnfinished } from '../../src/manage/list-unfinished.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { armOf, diskThere, MIB, makeImage, newDiskOptions, servers, useManagedDisks } from '../support/disk-upload.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useManagedDisks();

describe('the unfinished upload to a managed disk', () => {
  it('is listed with the commands for its disk, and is aborted by the command for disks', async () => {
    const { path, checkpoint } = await makeImage();
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'progress' && event.done >= 4 * MIB) stop.abort(reason);
    };
    expect(await failureOf(uploadImage(newDiskOptions(path, { signal: stop.signal, onEvent })))).toBe(reason);
    const [found] = (await listUnfinished({ folder: dirname(path) })).unfinished;
    const id = diskThere().id;
    expect(found).toMatchObject({
      kind: 'upload',
      resume: `vhdup upload ${path} --disk ${id} --arm-endpoint ${servers.armEndpoint}`,
      abort: `vhdup disk abort ${id} --checkpoint ${checkpoint} --arm-endpoint ${servers.armEndpoint}`,
    });
    const calls = servers.calls.length;
    const failure = await failureOf(abortUnfinished({ path }));
    expect(failure).toMatchObject({ exitCode: 2 });
    expect(failure.message).toContain(found?.abort);
    expect(servers.calls).toHaveLength(calls);
    expect(await abortDisk({ ...armOf(), disk: id, checkpoint })).toMatchObject({ deleted: true });
    expect((await listUnfinished({ folder: dirname(path) })).unfinished).toEqual([]);
  });
});
