import { describe, expect, it } from 'vitest';
import { type Machine, machineByNetwork, thisMachine, whereIs } from '../../src/state/machine-id.ts';

const HERE: Machine = { machineId: 'a', bootId: 'b', pidNamespace: '1' };

describe('whereIs', () => {
  it('recognises a process on this machine since its boot, in the same container', () => {
    expect(whereIs(HERE, HERE)).toBe('local');
  });

  it.each([
    ['another machine of the same name', { ...HERE, machineId: 'other' }, HERE],
    ['a copy of this machine, or this one before it was started again', { ...HERE, bootId: 'before' }, HERE],
    ['another container', { ...HERE, pidNamespace: '2' }, HERE],
    ['a machine without an id, seen from one that has one', undefined, HERE],
    ['a machine with an id, seen from one without', HERE, undefined],
    ['a machine without an id, seen from one without', undefined, undefined],
  ])('returns unknown for a process on %s', (_, there, here) => {
    expect(whereIs(there, here)).toBe('unknown');
  });
});

describe('thisMachine', () => {
  it('is the same for every run, and does not reveal the id of the installation', () => {
    expect(thisMachine()).toEqual(thisMachine());
    expect(thisMachine()?.machineId ?? '0123456789abcdef').toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('a machine identified by its network adapters', () => {
  const address = { address: '', netmask: '', family: 'IPv4', cidr: null } as const;
  const adapter = (mac: string, internal = false) => [{ ...address, mac, internal }];

  it('does not depend on the order of the adapters, and differs for other adapters or another system', () => {
    const one = machineByNetwork('win32', { a: adapter('00:15:5d:00:00:01'), b: adapter('00:15:5d:00:00:02') });
    const same = machineByNetwork('win32', { b: adapter('00:15:5d:00:00:02'), a: adapter('00:15:5d:00:00:01') });
    expect(one?.machineId).toMatch(/^[0-9a-f]{16}$/);
    expect(same).toEqual(one);
    expect(machineByNetwork('win32', { a: adapter('00:15:5d:00:00:03') })).not.toEqual(one);
    expect(
      machineByNetwork('darwin', { a: adapter('00:15:5d:00:00:01'), b: adapter('00:15:5d:00:00:02') }),
    ).not.toEqual(one);
  });

  it('is undefined without adapters', () => {
    expect(machineByNetwork('win32', {})).toBeUndefined();
    expect(
      machineByNetwork('win32', { lo: adapter('00:15:5d:00:00:01', true), tunnel: adapter('00:00:00:00:00:00') }),
    ).toBeUndefined();
  });
});
