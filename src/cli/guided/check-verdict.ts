// What the check found, in short: failures first, with what to do. `vhdup check` has the reasons and the documents.
import type { CheckFinding, CheckReport } from '../../check/check-report.ts';
import { painter } from '../screens/paint.ts';
import type { Screen } from '../screens/screen.ts';
import { wrapText } from '../screens/wrap-text.ts';
import { shellCommand } from './shell-command.ts';

/** The others are counted. */
const MOST_WARNINGS = 5;
const INDENT = '        ';

/** Lines that fit the screen. */
export function showVerdict(report: CheckReport, { width, colours }: Screen, environment: NodeJS.ProcessEnv): string {
  const paint = painter(colours);
  const failed = report.findings.filter(({ result }) => result === 'fail');
  const warned = report.findings.filter(({ result }) => result === 'warn');
  const shown = warned.slice(0, MOST_WARNINGS);
  const item = (label: string, texts: readonly string[]) =>
    texts
      .flatMap((text) => wrapText(text, width - INDENT.length))
      .map((line, index) => (index === 0 ? `  ${label}  ${line}` : `${INDENT}${line}`));
  const lines = [
    ...wrapText(verdictOf(report), width),
    ...failed.flatMap((finding) => item(paint(['bold', 'white', 'bgRed'], 'FAIL'), [titleOf(finding), fixOf(finding)])),
    ...shown.flatMap((finding) => item(paint(['black', 'bgYellow'], 'warn'), [titleOf(finding)])),
  ];
  const { unread } = report.counts;
  const more = warned.length - shown.length;
  if (failed.length + warned.length + unread > 0) {
    const others = [
      ...(more === 0 ? [] : [`${more} more ${more === 1 ? 'warning' : 'warnings'}. `]),
      ...(unread === 0 ? [] : [`${unread} ${unread === 1 ? 'rule' : 'rules'} could not be checked. `]),
    ];
    const purpose = report.purpose === 'vm' ? [] : ['--for', report.purpose];
    const command = shellCommand(['check', report.image, ...purpose], environment);
    lines.push(`${others.join('')}All of it, with reasons: ${command}`);
  }
  return lines.join('\n');
}

function verdictOf({ result, counts, purpose }: CheckReport): string {
  const what = purpose === 'data-disk' ? 'as a data disk' : 'for a virtual machine';
  const passed = `${counts.pass} of ${counts.pass + counts.fail + counts.warn} rules passed`;
  if (result === 'fail') {
    const risk =
      purpose === 'data-disk'
        ? 'Azure may not accept the disk'
        : 'a virtual machine may not start from the disk, or nobody may reach it';
    return `Checked ${what}: ${passed}. After what failed, ${risk}.`;
  }
  return `Checked ${what}: ${passed}. Azure accepts it.`;
}

function titleOf({ title, found }: CheckFinding): string {
  return `${title}: ${found}`;
}

function fixOf({ fix }: CheckFinding): string {
  return fix === undefined ? '' : `Fix: ${fix}`;
}
