import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  beginRun,
  decodeOwner,
  describeOwner,
  encodeOwner,
  endRun,
  hasExited,
  lifeOf,
} from '../../src/state/lease-holder.ts';

const ELSEWHERE = { id: 'x', host: 'elsewhere.example', pid: 1, since: '2026-01-02T03:04:05.678Z' };

describe('a run', () => {
  it('is alive until it ends, also next to other runs in the same process', () => {
    const first = beginRun();
    const second = beginRun();
    expect(first.id).not.toBe(second.id);
    expect([hasExited(first), hasExited(second)]).toEqual([false, false]);
    endRun(first);
    expect([hasExited(first), hasExited(second)]).toEqual([true, false]);
    endRun(second);
  });

  it('has exited when its process has, and is alive as long as a process has its id', () => {
    const run = beginRun();
    endRun(run);
    const { pid } = spawnSync(process.execPath, ['--version']);
    expect(lifeOf({ ...run, pid })).toBe(run.machine === undefined ? 'unknown' : 'exited');
    expect(hasExited({ ...run, pid: process.ppid })).toBe(false);
  });

  it.each(['machineId', 'bootId', 'pidNamespace'])('is in an unknown state if its %s differs', (field) => {
    const run = beginRun();
    endRun(run);
    const { pid } = spawnSync(process.execPath, ['--version']);
    const machine = { machineId: '0', bootId: '0', pidNamespace: '0', ...run.machine, [field]: 'another' };
    expect(lifeOf({ ...run, pid, machine })).toBe('unknown');
  });

  it('is in an unknown state if its record has no machine, whatever its host name', () => {
    const { machine: _, ...run } = beginRun();
    const { pid } = spawnSync(process.execPath, ['--version']);
    expect(lifeOf({ ...run, pid })).toBe('unknown');
  });

  it('is in an unknown state on another machine', () => {
    expect(hasExited({ ...ELSEWHERE, pid: 2 ** 22 + 1 })).toBe(false);
  });
});

describe('the record of a run', () => {
  it('shows who, where and since when', () => {
    expect(describeOwner(ELSEWHERE)).toBe('process 1 on elsewhere.example, since 2026-01-02T03:04:05.678Z');
    expect(beginRun()).toMatchObject({ pid: process.pid, host: hostname().slice(0, 64) });
  });

  it('survives an HTTP header', () => {
    const machine = { machineId: 'a', bootId: 'b', pidNamespace: '1' };
    for (const owner of [
      beginRun(),
      ELSEWHERE,
      { ...ELSEWHERE, machine },
      { ...ELSEWHERE, host: 'Jürgens Büro & Söhne=%' },
    ]) {
      const text = encodeOwner(owner);
      expect(text).toMatch(/^[\x21-\x7e]+$/);
      expect(decodeOwner(text)).toEqual(owner);
    }
  });

  it('cannot send control characters to the terminal', () => {
    const owner = decodeOwner(encodeOwner({ ...ELSEWHERE, host: 'a\u001b[2Jb\u202e', since: 'now\n' }));
    expect(owner).toMatchObject({ host: 'a\\u{1b}[2Jb\\u{202e}', since: 'now\\u{a}' });
  });

  it.each([undefined, '', 'nonsense', 'host=a&pid=0&since=b&id=c', 'host=a&pid=-1&since=b&id=c', 'pid=1&since=b&id=c'])(
    'is nothing for %j',
    (text) => {
      expect(decodeOwner(text)).toBeUndefined();
    },
  );
});
