import { describe, expect, it } from 'vitest';
import { type CheckFinding, type CheckResult, summarise } from '../../../src/check/check-report.ts';
import { showVerdict } from '../../../src/cli/guided/check-verdict.ts';
import { ASCII } from '../../../src/cli/screens/symbols.ts';

const SCREEN = { width: 60, colours: false, symbols: ASCII, redraws: true };

function finding(result: CheckResult, title: string, fix?: string): CheckFinding {
  const base = { id: title, level: 'A', group: 'size', reason: 'Because.', sources: [] } as const;
  return { ...base, result, title, found: '3 MiB', ...(fix === undefined ? {} : { fix }) };
}

function verdict(...findings: readonly CheckFinding[]): string {
  return showVerdict({ image: 'web01.vhd', purpose: 'vm', ...summarise(findings) }, SCREEN, {});
}

describe('the verdict of a check', () => {
  it('is one sentence if all is well', () => {
    expect(verdict(finding('pass', 'A'), finding('not-applicable', 'B'))).toBe(
      'Checked for a virtual machine: 1 of 1 rules passed. Azure\naccepts it.',
    );
  });

  it('has failures with what to do, then warnings, then what is left', () => {
    const warnings = ['W1', 'W2', 'W3', 'W4', 'W5', 'W6'].map((title) => finding('warn', title));
    const text = verdict(...warnings, finding('unread', 'U'), finding('fail', 'Size', 'Make it larger.'));
    expect(text.split('\n').slice(3)).toEqual([
      '  FAIL  Size: 3 MiB',
      '        Fix: Make it larger.',
      ...['W1', 'W2', 'W3', 'W4', 'W5'].map((title) => `  warn  ${title}: 3 MiB`),
      '1 more warning. 1 rule could not be checked. All of it, with reasons: vhdup check web01.vhd',
    ]);
  });
});
