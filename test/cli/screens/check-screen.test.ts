import { describe, expect, it } from 'vitest';
import { type CheckFinding, type CheckReport, summarise } from '../../../src/check/check-report.ts';
import { showCheck } from '../../../src/cli/screens/check-screen.ts';
import { PIPE } from '../../support/screens.ts';

const REASON = 'Because Azure is made so, and will be for some time, which is a reason that is longer than a line.';

function finding(id: string, more: Partial<CheckFinding> = {}): CheckFinding {
  return {
    id,
    level: 'A',
    group: 'image',
    title: `Title of ${id}`,
    result: 'pass',
    found: 'this',
    reason: REASON,
    ...more,
  };
}

function reportOf(...findings: CheckFinding[]): CheckReport {
  return { image: 'disk.vhd', format: 'vhd-fixed', diskSize: 1048576, purpose: 'vm', ...summarise(findings) };
}

const PLAIN = { ...PIPE, verbose: false };
const COLOURS = { ...PLAIN, colours: true };

describe('the screen of a check', () => {
  it('has one line for a passed rule', () => {
    expect(showCheck(reportOf(finding('a')), PLAIN).split('\n')).toEqual([
      'disk.vhd: fixed VHD, 1.00 MiB. Checked for vm.',
      '',
      'Image',
      '  pass    Title of a                this',
      '',
      ' pass  0 failed, 0 warnings, 0 not read, 1 passed, 0 do not apply',
    ]);
  });

  it('explains other rules: what was found, why it matters and what to do', () => {
    const screen = showCheck(reportOf(finding('a', { result: 'fail', found: 'that', fix: 'Do it.' })), PLAIN);
    expect(screen).toContain('  FAIL    Title of a [a]\n          found  that\n          why    Because Azure');
    expect(screen).toContain('          fix    Do it.\n');
    expect(screen).toContain(' FAIL  1 failed,');
  });

  it('explains once why many rules are unread', () => {
    const unread = { result: 'unread', found: 'no way in', fix: 'Look.' } as const;
    const screen = showCheck(reportOf(finding('a', unread), finding('b', unread)), PLAIN);
    expect(screen).toContain('  unread  2 rules: a, b\n          found  no way in\n          fix    Look.\n');
    expect(screen).toContain(' warn  0 failed, 0 warnings, 2 not read');
  });

  it('shows rules that do not apply only with verbose', () => {
    const report = reportOf(finding('a', { result: 'not-applicable', found: 'a data disk' }));
    expect(showCheck(report, PLAIN)).not.toContain('a data disk');
    expect(showCheck(report, { ...PLAIN, verbose: true })).toContain('-       Title of a                a data disk');
  });

  it.each([40, 60, 80, 140])('fits %i columns', (width) => {
    const long = finding('a', { result: 'warn', found: '/a/very/long/path'.repeat(20), fix: REASON });
    const lines = showCheck(reportOf(finding('b', { found: REASON }), long), { ...PLAIN, width }).split('\n');
    expect(lines.filter((line) => line.length > width)).toEqual([]);
  });

  it('has colours only if they are enabled', () => {
    const report = reportOf(finding('a', { result: 'warn', fix: 'Do it.' }));
    expect(showCheck(report, PLAIN)).not.toContain('\u001b');
    const painted = showCheck(reportOf(finding('a', { result: 'warn', fix: 'Do it.' }), finding('b')), COLOURS);
    expect(painted).toContain('\u001b[30m\u001b[43mwarn');
    // Green letters are not readable on white.
    expect(painted).toContain('\n  pass    Title of b');
  });
});
