import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { beginRun, decodeOwner, describeOwner, encodeOwner, endRun, hasExited } from '../../src/state/lease-holder.ts';

const ELSEWHERE = { id: 'x', host: 'elsewhere.example', pid: 1, since: '2026-01-02T03:04:05.678Z' };

describe('a run', () => {
  it('has exited once it ends, independently of others in the same process', () => {
    const first = beginRun();
    const second = beginRun();
    expect(first.id).not.toBe(second.id);
    expect([hasExited(first), hasExited(second)]).toEqual([false, false]);
    endRun(first);
    expect([hasExited(first), hasExited(second)]).toEqual([true, false]);
    endRun(second);
  });

  it('has exited when no process has its id any more', () => {
    const run = beginRun();
    endRun(run);
    const { pid } = spawnSync(process.execPath, ['--version']);
    expect(hasExited({ ...run, pid })).toBe(run.machine !== undefined);
    expect(hasExited({ ...run, pid: process.ppid })).toBe(false);
  });

  it.each(['machineId', 'bootId', 'pidNamespace'])(
    'is not known to have exited if its %s differs from that of this machine',
    (field) => {
      const run = beginRun();
      endRun(run);
      const { pid } = spawnSync(process.execPath, ['--version']);
      const machine = { machineId: '0', bootId: '0', pidNamespace: '0', ...run.machine, [field]: 'another' };
      expect(hasExited({ ...run, pid, machine })).toBe(false);
    },
  );

  it('is not known to have exited if its record names no machine, even on a host of the same name', () => {
    const { machine: _, ...run } = beginRun();
    const { pid } = spawnSync(process.execPath, ['--version']);
    expect(hasExited({ ...run, pid })).toBe(false);
  });

  it('is not known to have exited on another machine', () => {
    expect(hasExited({ ...ELSEWHERE, pid: 2 ** 22 + 1 })).toBe(false);
  });
});

describe('the description of a run', () => {
  it('names the process, the host and the start time', () => {
    expect(describeOwner(ELSEWHERE)).toBe('process 1 on elsewhere.example, since 2026-01-02T03:04:05.678Z');
    expect(beginRun()).toMatchObject({ pid: process.pid, host: hostname().slice(0, 64) });
  });

  it('survives a header of HTTP', () => {
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

  it('cannot bring control characters to the terminal', () => {
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
