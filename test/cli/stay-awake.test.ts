import { describe, expect, it } from 'vitest';
import { type AwakeSystem, holderFor, stayAwake } from '../../src/cli/stay-awake.ts';

const NO_PROGRAMS = { PATH: '/nowhere', SystemRoot: '/nowhere' };

describe('the programs that hold the computer awake', () => {
  it('inhibit idling on Linux, as long as their input is open', () => {
    const { program, args } = holderFor('linux', {}) ?? { program: '', args: [] };
    expect(program).toBe('systemd-inhibit');
    expect(args).toContain('--what=idle');
    expect(args.at(-1)).toBe('cat');
  });

  it('watch the id of this process on macOS', () => {
    expect(holderFor('darwin', {})).toEqual({
      program: '/usr/bin/caffeinate',
      args: ['-i', '-w', String(process.pid)],
    });
  });

  it('are PowerShell on Windows, by its full path', () => {
    const holder = holderFor('win32', { SystemRoot: 'D:\\Windows' });
    expect(holder?.program).toBe('D:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe');
    expect(holder?.args.at(-1)).toContain('SetThreadExecutionState(2147483649)');
    expect(holder?.args.at(-1)).toContain('[Console]::In.ReadToEnd()');
  });

  it('do not exist elsewhere', () => {
    expect(holderFor('freebsd', {})).toBeUndefined();
  });
});

describe('stayAwake on Windows', () => {
  /** Resolves with the states that were set. */
  function withKernel() {
    const states: number[] = [];
    const set = (state: number) => states.push(state);
    const system: AwakeSystem = {
      platform: 'win32',
      environment: NO_PROGRAMS,
      setExecutionState: () => Promise.resolve(set),
    };
    return { states, system };
  }

  it('asks the system for its power, and gives it back', async () => {
    const { states, system } = withKernel();
    const letSleep = stayAwake(system);
    await new Promise(setImmediate);
    expect(states).toEqual([0x80000001]);
    letSleep();
    letSleep();
    expect(states).toEqual([0x80000001, 0x80000000]);
  });

  it('asks for nothing if the work has ended before', async () => {
    const { states, system } = withKernel();
    stayAwake(system)();
    await new Promise(setImmediate);
    expect(states).toEqual([]);
  });
});

describe('stayAwake', () => {
  it.each(['linux', 'darwin', 'win32', 'aix'] as const)(
    'never fails where there is no such program: %s',
    async (platform) => {
      const system = {
        platform,
        environment: NO_PROGRAMS,
        setExecutionState: () => Promise.reject(new Error('no koffi')),
      };
      const letSleep = stayAwake(system);
      await new Promise(setImmediate);
      letSleep();
      await new Promise(setImmediate);
    },
  );
});
