import { describe, expect, it } from 'vitest';
import { type Machine, sightOf, thisMachine } from '../../src/state/machine-id.ts';

const HERE: Machine = { machineId: 'a', bootId: 'b', pidNamespace: '1' };

describe('sightOf', () => {
  it('sees the processes of this machine, as long as it runs', () => {
    expect(sightOf(HERE, HERE)).toBe('seen');
  });

  it('knows those from before it was started again as gone', () => {
    expect(sightOf({ ...HERE, bootId: 'before' }, HERE)).toBe('gone');
    expect(sightOf({ ...HERE, bootId: 'before', pidNamespace: '2' }, HERE)).toBe('gone');
  });

  it('cannot tell of another machine of the same name, nor of another container', () => {
    expect(sightOf({ ...HERE, machineId: 'other' }, HERE)).toBe('hidden');
    expect(sightOf({ machineId: 'other', bootId: 'other', pidNamespace: '1' }, HERE)).toBe('hidden');
    expect(sightOf({ ...HERE, pidNamespace: '2' }, HERE)).toBe('hidden');
    expect(sightOf(HERE, undefined)).toBe('hidden');
  });
});

describe('thisMachine', () => {
  it('is the same for every run, and does not tell the id of the installation', () => {
    expect(thisMachine()).toEqual(thisMachine());
    expect(thisMachine()?.machineId ?? '0123456789abcdef').toMatch(/^[0-9a-f]{16}$/);
  });
});
