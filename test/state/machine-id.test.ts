import { describe, expect, it } from 'vitest';
import { isSameMachine, type Machine, machineByNetwork, thisMachine } from '../../src/state/machine-id.ts';

const HERE: Machine = { machineId: 'a', bootId: 'b', pidNamespace: '1' };

describe('isSameMachine', () => {
  it('is true for the same boot of the same machine in the same container', () => {
    expect(isSameMachine(HERE, HERE)).toBe(true);
  });

  it.each([
    ['another machine of the same name', { ...HERE, machineId: 'other' }, HERE],
    ['a copy of this machine, or this machine before its last boot', { ...HERE, bootId: 'before' }, HERE],
    ['another container', { ...HERE, pidNamespace: '2' }, HERE],
    ['a machine without an id, seen from one that has one', undefined, HERE],
    ['a machine with an id, seen from one without', HERE, undefined],
    ['a machine without an id, seen from one without', undefined, undefined],
  ])('is false for %s', (_, one, other) => {
    expect(isSameMachine(one, other)).toBe(false);
  });
});

describe('thisMachine', () => {
  it('is the same for every run, and does not show the id of the installation', () => {
    expect(thisMachine()).toEqual(thisMachine());
    expect(thisMachine()?.machineId ?? '0123456789abcdef').toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('a machine by its network adapters', () => {
  const address = { address: '', netmask: '', family: 'IPv4', cidr: null } as const;
  const adapter = (mac: string, internal = false) => [{ ...address, mac, internal }];

  it('is the same in whatever order they are listed, and another one for other adapters or another system', () => {
    const one = machineByNetwork('win32', { a: adapter('00:15:5d:00:00:01'), b: adapter('00:15:5d:00:00:02') });
    const same = machineByNetwork('win32', { b: adapter('00:15:5d:00:00:02'), a: adapter('00:15:5d:00:00:01') });
    expect(one?.machineId).toMatch(/^[0-9a-f]{16}$/);
    expect(same).toEqual(one);
    expect(machineByNetwork('win32', { a: adapter('00:15:5d:00:00:03') })).not.toEqual(one);
    expect(
      machineByNetwork('darwin', { a: adapter('00:15:5d:00:00:01'), b: adapter('00:15:5d:00:00:02') }),
    ).not.toEqual(one);
  });

  it('is unknown where there are none', () => {
    expect(machineByNetwork('win32', {})).toBeUndefined();
    expect(
      machineByNetwork('win32', { lo: adapter('00:15:5d:00:00:01', true), tunnel: adapter('00:00:00:00:00:00') }),
    ).toBeUndefined();
  });
});
