import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import { type DownloadCheckpoint, decodeDownload, encodeDownload } from '../../src/state/download-checkpoint.ts';
import { stateKindIn } from '../../src/state/state-format.ts';

const EXAMPLE: DownloadCheckpoint = {
  startedAt: '2026-03-01T10:00:00.000Z',
  name: 'Größe.vhd',
  format: 'vhdx',
  source: {
    url: 'https://account.blob.core.windows.net/vhds/disk.vhd',
    uniqueId: null,
    etag: '"0x1"',
    size: 1_049_088,
  },
  diskSize: 1_048_576,
  file: { temporary: 'Größe.vhd.001122334455.download', end: 4_194_304, length: 4_000_000 },
  done: [
    { offset: 0, length: 4096 },
    { offset: 8192, length: 512 },
  ],
  sent: { bytes: 1024, pages: '0123456789abcdef' },
  received: 2048,
  isProven: true,
  manifest: null,
};

/** The error for a state with other fields, whose checksum is right. */
function refusalOf(change: object): unknown {
  const text = encodeDownload({ ...EXAMPLE, ...change });
  try {
    return decodeDownload(text, 'disk.vhd.vhdup.json');
  } catch (error) {
    return error;
  }
}

describe('the checkpoint of a download', () => {
  it.each([{}, { finishing: '2049:77' }, { manifest: 'id' }, { source: { ...EXAMPLE.source, uniqueId: 'disk' } }])(
    'is the same after it was stored: %j',
    (more) => {
      const text = encodeDownload({ ...EXAMPLE, ...more });
      expect(decodeDownload(text, 'c.json')).toEqual({ ...EXAMPLE, ...more });
      expect(stateKindIn(text)).toBe('download');
    },
  );

  it.each([
    [{ format: 'qcow2' }, 'its field format must be one of vhd, vhd-dynamic, vhdx, raw'],
    [{ file: { temporary: 7, end: 0, length: 0 } }, 'its field file.temporary must be a text'],
    [{ received: -1 }, 'its field received must be a non-negative integer'],
    [{ source: { ...EXAMPLE.source, size: undefined } }, 'its field source.size'],
    [{ finishing: 7 }, 'its field finishing must be a text'],
  ])('is refused with the field that is wrong: %j', (change, message) => {
    const error = refusalOf(change);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(String(error)).toContain(message);
    expect(String(error)).toContain('--restart');
  });

  it('is refused if it was edited or cut off, or is that of an upload', () => {
    const text = encodeDownload(EXAMPLE);
    for (const other of [text.replace('"isProven": true', '"isProven": false'), text.slice(0, -20)]) {
      expect(() => decodeDownload(other, 'c.json')).toThrow(CheckpointError);
    }
    const upload = () => decodeDownload('{\n "vhdupCheckpoint": 4\n}', 'c.json');
    expect(upload).toThrow('c.json is the checkpoint of an upload');
    expect(() => decodeDownload('{}', 'c.json')).toThrow('c.json is not a vhdup checkpoint');
  });
});
