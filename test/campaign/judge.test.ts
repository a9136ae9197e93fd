import { describe, expect, it } from 'vitest';
import type { ForeignWrite } from './foreign.ts';
import { History, isListed, mayBeMissed } from './judge.ts';
import type { VerifyLevel } from './options.ts';

const change = (run: number | undefined, isLate = false): ForeignWrite => ({
  change: 'write',
  range: { offset: 0, length: 512 },
  afterRequests: 1,
  run,
  isLate,
});
const record = (level: VerifyLevel) => ({
  number: 3,
  level,
  disk: Buffer.alloc(0),
  logStart: 0,
  hasOptions: true,
  hadFaults: false,
});

/** Run 1 had a lease, run 2 had none and was killed, run 3 had none. */
const history = new History();
history.leaseless.add(2).add(3);
history.killed.add(2);

describe('a change by another program may be missed', () => {
  it.each(['none', 'list'] as const)('if the user chose %s', (level) => {
    expect(mayBeMissed(change(undefined), record(level), history)).toBe(true);
  });

  it('during a run without a lease', () => {
    expect(mayBeMissed(change(3), record('default'), history)).toBe(true);
  });

  it('after the footer, if every page is read back', () => {
    expect(mayBeMissed(change(3, true), record('full'), history)).toBe(true);
    expect(mayBeMissed(change(3), record('full'), history)).toBe(false);
  });
});

describe('a change by another program may not be missed', () => {
  it.each([
    ['between two runs', undefined],
    ['during a run that held a lease', 1],
    ['during a run that was killed', 2],
  ])('%s', (_, run) => {
    expect(mayBeMissed(change(run), record('default'), history)).toBe(false);
  });
});

describe('a page that was never sent', () => {
  const disk = Buffer.alloc(1024 * 1024);
  disk.fill(1, 0, 512);

  it('is shown by the page list, unless that was compared before the change or not at all', () => {
    const page = 512 * 1024;
    expect(isListed(change(3), page, { ...record('default'), disk })).toBe(true);
    expect(isListed(change(3, true), page, { ...record('default'), disk })).toBe(false);
    expect(isListed(change(3), page, { ...record('none'), disk })).toBe(false);
  });

  it('may have been sent along with nearby data', () => {
    expect(isListed(change(3), 60 * 1024, { ...record('default'), disk })).toBe(false);
  });
});
