import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { endTree } from '../../src/cli/process-tree.ts';

describe('endTree', () => {
  it('uses taskkill on Windows, by its path in the system folder', () => {
    const runs: unknown[] = [];
    endTree({ pid: 42 }, 'win32', { SystemRoot: 'D:\\Windows' }, (...run) => runs.push(run));
    endTree({ pid: 43 }, 'win32', {}, (...run) => runs.push(run));
    expect(runs).toEqual([
      ['D:\\Windows\\System32\\taskkill.exe', ['/pid', '42', '/t', '/f']],
      ['C:\\Windows\\System32\\taskkill.exe', ['/pid', '43', '/t', '/f']],
    ]);
  });

  it.skipIf(process.platform === 'win32')('ends a process group, and accepts one that has exited', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'ignore' });
    const exited = once(child, 'exit');
    endTree(child);
    expect(await exited).toEqual([null, 'SIGKILL']);
    expect(() => endTree(child)).not.toThrow();
  });

  it('does nothing for a process that never started', () => {
    expect(() => endTree({ pid: undefined })).not.toThrow();
  });
});
