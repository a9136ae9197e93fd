import { describe, expect, it } from 'vitest';
import { type CheckFinding, type CheckReport, summarise } from '../../../src/check/check-report.ts';
import { showCheck } from '../../../src/cli/screens/check-screen.ts';
import { textWidth } from '../../../src/cli/screens/text-width.ts';
import { PIPE } from '../../support/screens.ts';

const REASON = 'Because Azure is made so, and will be for some time, which is a reason that is longer than a line.';

const DOCUMENT = { title: 'Prepare a disk', url: `https://learn.microsoft.com/${'path/'.repeat(16)}disk` };

function finding(id: string, more: Partial<CheckFinding> = {}): CheckFinding {
  return {
    id,
    level: 'A',
    group: 'image',
    title: `Title of ${id}`,
    result: 'pass',
    found: 'this',
    reason: REASON,
    sources: [DOCUMENT],
    ...more,
  };
}

function reportOf(...findings: CheckFinding[]): CheckReport {
  return { image: 'disk.vhd', format: 'vhd-fixed', diskSize: 1048576, purpose: 'vm', ...summarise(findings) };
}

const PLAIN = { ...PIPE, verbose: false };
const COLOURS = { ...PLAIN, colours: true };

describe('the screen of a check', () => {
  it('counts what passed by group', () => {
    const findings = [finding('a'), finding('b', { group: 'remote' }), finding('c', { group: 'remote' })];
    expect(showCheck(reportOf(...findings), PLAIN).split('\n')).toEqual([
      'disk.vhd: fixed VHD, 1.00 MiB. Checked for vm.',
      '',
      'Passed',
      '  Image: 1 passed',
      '  Remote access: 2 passed',
      '',
      ' pass  0 failed, 0 warnings, 0 not read, 3 passed, 0 do not apply',
    ]);
  });

  it('lists failures, then warnings, then what was not read, before all that passed', () => {
    const findings = (['pass', 'unread', 'warn', 'fail'] as const).map((result, index) =>
      finding(`rule-${index}`, { result, group: index % 2 === 0 ? 'image' : 'boot' }),
    );
    const titles = showCheck(reportOf(...findings), PLAIN).match(/^\w.*$/gm);
    expect(titles?.slice(1)).toEqual(['Failures', 'Warnings', 'Not read', 'Passed', 'Documents']);
  });

  it('explains other rules: what was found, why it matters, what to do and which document asks for it', () => {
    const screen = showCheck(reportOf(finding('a', { result: 'fail', found: 'that', fix: 'Do it.' })), PLAIN);
    expect(screen).toContain('  FAIL    Title of a [a]\n          found  that\n          why    Because Azure');
    expect(screen).toContain('          fix    Do it.\n          see    Prepare a disk\n');
    // A URL that was wrapped could not be opened.
    expect(screen).toContain(`\nDocuments\n  Prepare a disk:\n  ${DOCUMENT.url}\n`);
    expect(screen).toContain(' FAIL  1 failed,');
  });

  it('explains once why many rules are unread', () => {
    const unread = { result: 'unread', found: 'no way in', fix: 'Look.' } as const;
    const screen = showCheck(reportOf(finding('a', unread), finding('b', unread)), PLAIN);
    expect(screen).toContain('  unread  2 rules: a, b\n          found  no way in\n          fix    Look.\n');
    expect(screen).toContain(' warn  0 failed, 0 warnings, 2 not read');
  });

  it('lists each rule with verbose, also those that do not apply', () => {
    const exempt = finding('b', { result: 'not-applicable', found: 'a data disk' });
    const report = reportOf(finding('a'), exempt);
    expect(showCheck(report, PLAIN)).not.toContain('a data disk');
    const screen = showCheck(report, { ...PLAIN, verbose: true });
    expect(screen).toContain('\nImage\n  pass    Title of a                      this\n');
    expect(screen).toContain('  -       Title of b                      a data disk\n');
  });

  it('aligns Chinese names, which take two columns', () => {
    const wide = finding('a', { result: 'warn', found: '镜像市场'.repeat(20), fix: '提交' });
    const found = showCheck(reportOf(wide), PLAIN).match(/^.*镜像.*$/gm) ?? [];
    expect(found.length).toBeGreaterThan(2);
    for (const line of found) expect(textWidth(line)).toBeLessThanOrEqual(80);
  });

  it.each([40, 60, 80, 140])('fits %i columns', (width) => {
    const long = finding('a', { result: 'warn', found: '/a/very/long/path'.repeat(20), fix: REASON });
    const lines = showCheck(reportOf(finding('b', { found: REASON }), long), { ...PLAIN, width }).split('\n');
    expect(lines.filter((line) => line.length > width && !line.includes('https://'))).toEqual([]);
  });

  it('has colours only if they are enabled', () => {
    const report = reportOf(finding('a', { result: 'warn', fix: 'Do it.' }));
    expect(showCheck(report, PLAIN)).not.toContain('\u001b');
    const both = reportOf(finding('a', { result: 'warn', fix: 'Do it.' }), finding('b'));
    const painted = showCheck(both, { ...COLOURS, verbose: true });
    expect(painted).toContain('\u001b[30m\u001b[43mwarn');
    // Green letters are not readable on white.
    expect(painted).toContain('\n  pass    Title of b');
  });
});
