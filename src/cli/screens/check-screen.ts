// The human-readable report of a check: one line per passed rule; for the others, what was found, why it matters and what to do.
import {
  CHECK_GROUPS,
  type CheckFinding,
  type CheckGroup,
  type CheckReport,
  type CheckResult,
} from '../../check/check-report.ts';
import { formatName } from '../../image/format-name.ts';
import { type Paint, painter, type Style } from './paint.ts';
import type { Screen } from './screen.ts';
import { formatBytes } from './units.ts';
import { wrapText } from './wrap-text.ts';

export interface CheckScreenOptions extends Screen {
  /** Also shows the rules that do not apply. */
  readonly verbose: boolean;
}

const GROUP_NAMES: Readonly<Record<CheckGroup, string>> = {
  image: 'Image',
  size: 'Size',
  partitions: 'Partitions',
  boot: 'Boot',
  system: 'Operating system',
  accounts: 'Accounts',
  target: 'Blob and container',
};

/** Readable on both light and dark terminals; green text on white is not. */
const LABELS: Readonly<Record<CheckResult, { text: string; style: Style }>> = {
  pass: { text: 'pass', style: ['black', 'bgGreen'] },
  warn: { text: 'warn', style: ['black', 'bgYellow'] },
  fail: { text: 'FAIL', style: ['bold', 'white', 'bgRed'] },
  unread: { text: 'unread', style: ['black', 'bgYellow'] },
  'not-applicable': { text: '-', style: 'dim' },
};

const LABEL_WIDTH = 6;
const INDENT = ' '.repeat(2 + LABEL_WIDTH + 2);
/** Width of the longest title plus two blanks. */
const TITLE_WIDTH = 26;

export function showCheck(report: CheckReport, options: CheckScreenOptions): string {
  const screen = new CheckScreen(options);
  return screen.show(report);
}

class CheckScreen {
  readonly #width: number;
  readonly #paint: Paint;
  readonly #verbose: boolean;

  constructor({ width, colours, verbose }: CheckScreenOptions) {
    this.#width = width;
    this.#paint = painter(colours);
    this.#verbose = verbose;
  }

  show(report: CheckReport): string {
    const lines = this.#heading(report);
    for (const group of CHECK_GROUPS) {
      const findings = report.findings.filter((finding) => finding.group === group && this.#isShown(finding));
      if (findings.length > 0) lines.push('', this.#paint('bold', GROUP_NAMES[group]), ...this.#group(findings));
    }
    return [...lines, '', ...this.#summary(report)].join('\n');
  }

  #heading({ image, format, diskSize, purpose, generation, generationFrom }: CheckReport): string[] {
    const size = diskSize === undefined ? '' : `, ${formatBytes(diskSize)}`;
    const source = generationFrom === 'option' ? '' : ' (from its partition table)';
    const machine = generation === undefined ? '' : `, generation ${generation}${source}`;
    const text = `${image}: ${format === undefined ? 'not readable' : formatName(format)}${size}. Checked for ${purpose}${machine}.`;
    return wrapText(text, this.#width);
  }

  #isShown({ result }: CheckFinding): boolean {
    return this.#verbose || result !== 'not-applicable';
  }

  #group(findings: readonly CheckFinding[]): string[] {
    const lines: string[] = [];
    const shown = new Set<string>();
    for (const finding of findings) {
      if (finding.result === 'pass' || finding.result === 'not-applicable') lines.push(...this.#short(finding));
      else if (finding.result !== 'unread') lines.push(...this.#long(finding, [finding]));
      else if (!shown.has(finding.found)) {
        // One cause often leaves many rules unread, so they are shown together.
        shown.add(finding.found);
        const alike = findings.filter(({ result, found }) => result === 'unread' && found === finding.found);
        lines.push(...this.#long(finding, alike));
      }
    }
    return lines;
  }

  #short({ result, title, found }: CheckFinding): string[] {
    const column = INDENT.length + TITLE_WIDTH;
    const [first = '', ...rest] = wrapText(found, this.#width - column);
    return [
      `  ${this.#label(result)}  ${title.padEnd(TITLE_WIDTH)}${first}`,
      ...rest.map((line) => `${' '.repeat(column)}${line}`),
    ];
  }

  #long({ result, title, found, reason, fix }: CheckFinding, alike: readonly CheckFinding[]): string[] {
    const ids = alike.map(({ id }) => id).join(', ');
    const isOne = alike.length === 1;
    const heading = isOne ? `${title} [${ids}]` : `${alike.length} rules: ${ids}`;
    const [first = '', ...more] = wrapText(heading, this.#width - INDENT.length);
    return [
      `  ${this.#label(result)}  ${this.#paint('bold', first)}`,
      ...more.map((line) => `${INDENT}${this.#paint('bold', line)}`),
      ...this.#paragraph('found', found),
      ...(isOne ? this.#paragraph('why', reason) : []),
      ...(fix === undefined ? [] : this.#paragraph('fix', fix)),
    ];
  }

  #paragraph(name: string, text: string): string[] {
    const column = 'found'.length + 2;
    return wrapText(text, this.#width - INDENT.length - column).map(
      (line, index) => `${INDENT}${index === 0 ? this.#paint('dim', name.padEnd(column)) : ' '.repeat(column)}${line}`,
    );
  }

  #summary({ result, counts }: CheckReport): string[] {
    const parts = [
      `${counts.fail} failed`,
      counts.warn === 1 ? '1 warning' : `${counts.warn} warnings`,
      `${counts.unread} not read`,
      `${counts.pass} passed`,
      counts['not-applicable'] === 1 ? '1 does not apply' : `${counts['not-applicable']} do not apply`,
    ];
    const label = ` ${LABELS[result].text} `;
    return wrapText(parts.join(', '), this.#width - label.length - 1).map((line, index) =>
      index === 0 ? `${this.#paint(LABELS[result].style, label)} ${line}` : `${' '.repeat(label.length + 1)}${line}`,
    );
  }

  #label(result: CheckResult): string {
    const { text, style } = LABELS[result];
    // Passed rules have no colour: there are so many that they would hide the others.
    const label = result === 'pass' ? text : this.#paint(style, text);
    return `${label}${' '.repeat(LABEL_WIDTH - text.length)}`;
  }
}
