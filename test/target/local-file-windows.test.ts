import { expect, it } from 'vitest';
import { fsutilOf } from '../../src/target/local-file.ts';

it('fsutil is run from the folder of Windows, and never from the current one', () => {
  expect(fsutilOf({ SystemRoot: 'D:\\WINNT' })).toBe('D:\\WINNT\\System32\\fsutil.exe');
  expect(fsutilOf({})).toBe('C:\\Windows\\System32\\fsutil.exe');
});
