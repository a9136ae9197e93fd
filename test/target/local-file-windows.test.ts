import { expect, it } from 'vitest';
import { fsutilOf } from '../../src/target/local-file.ts';

it('fsutil is run from the Windows folder, never from the current folder', () => {
  expect(fsutilOf({ SystemRoot: 'D:\\WINNT' })).toBe('D:\\WINNT\\System32\\fsutil.exe');
  expect(fsutilOf({})).toBe('C:\\Windows\\System32\\fsutil.exe');
});
