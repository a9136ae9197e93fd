// The human-readable report of a check: first what is wrong, with what was found, why it matters and what to do; then a count of what passed.
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
import { padToWidth } from './text-width.ts';
import { formatBytes } from './units.ts';
import { wrapText } from './wrap-text.ts';

export interface CheckScreenOptions extends Screen {
  /** Also lists each rule that passed or does not apply. */
  readonly verbose: boolean;
}

const GROUP_NAMES: Readonly<Record<CheckGroup, string>> = {
  image: 'Image',
  size: 'Size',
  partitions: 'Partitions',
  boot: 'Boot',
  system: 'Operating system',
  provisioning: 'Provisioning',
  remote: 'Remote access',
  network: 'Network',
  accounts: 'Accounts',
  target: 'Blob and container',
};

/** Worst first: these are explained. */
const EXPLAINED = { fail: 'Failures', warn: 'Warnings', unread: 'Not read' } as const;

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
const TITLE_WIDTH = 32;

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
    const { findings } = report;
    for (const [result, title] of Object.entries(EXPLAINED)) {
      const shown = findings.filter((finding) => finding.result === result);
      if (shown.length > 0) lines.push('', this.#paint('bold', title), ...this.#explained(shown));
    }
    lines.push(...(this.#verbose ? this.#everyRule(findings) : this.#passed(findings)), ...this.#documents(findings));
    return [...lines, '', ...this.#summary(report)].join('\n');
  }

  #heading({ image, format, diskSize, purpose, generation, generationFrom, osState, findings }: CheckReport): string[] {
    const system = findings.find(({ id, result }) => id === 'operating-system' && result === 'pass');
    const disk = [
      format === undefined ? 'not readable' : formatName(format),
      ...(diskSize === undefined ? [] : [formatBytes(diskSize)]),
      ...(system === undefined ? [] : [system.found]),
    ];
    const source = generationFrom === 'option' ? '' : ' (from its partition table)';
    const wanted = [
      purpose,
      ...(generation === undefined ? [] : [`generation ${generation}${source}`]),
      ...(osState === undefined ? [] : [osState]),
    ];
    return wrapText(`${image}: ${disk.join(', ')}. Checked for ${wanted.join(', ')}.`, this.#width);
  }

  /** One cause often leaves many rules unread, so they are shown together. */
  #explained(findings: readonly CheckFinding[]): string[] {
    const lines: string[] = [];
    const shown = new Set<string>();
    for (const finding of findings) {
      if (finding.result !== 'unread') lines.push(...this.#long(finding, [finding]));
      else if (!shown.has(finding.found)) {
        shown.add(finding.found);
        lines.push(
          ...this.#long(
            finding,
            findings.filter(({ found }) => found === finding.found),
          ),
        );
      }
    }
    return lines;
  }

  /** One line for each group, so that what passed does not bury the rest. */
  #passed(findings: readonly CheckFinding[]): string[] {
    const lines = CHECK_GROUPS.flatMap((group) => {
      const count = findings.filter((finding) => finding.group === group && finding.result === 'pass').length;
      return count === 0 ? [] : [`  ${GROUP_NAMES[group]}: ${count} passed`];
    });
    return lines.length === 0 ? [] : ['', this.#paint('bold', 'Passed'), ...lines];
  }

  #everyRule(findings: readonly CheckFinding[]): string[] {
    const lines: string[] = [];
    for (const group of CHECK_GROUPS) {
      const shown = findings.filter(
        ({ result, ...finding }) => finding.group === group && (result === 'pass' || result === 'not-applicable'),
      );
      if (shown.length === 0) continue;
      lines.push('', this.#paint('bold', GROUP_NAMES[group]), ...shown.flatMap((finding) => this.#short(finding)));
    }
    return lines;
  }

  /** URLs are not wrapped, so that they can be opened and copied. */
  #documents(findings: readonly CheckFinding[]): string[] {
    const wrong = findings.filter(({ result }) => result === 'fail' || result === 'warn');
    const documents = new Map(
      wrong.flatMap(({ sources }) => sources).flatMap(({ title, url }) => (url === undefined ? [] : [[title, url]])),
    );
    if (documents.size === 0) return [];
    const lines = [...documents].flatMap(([title, url]) => [
      ...wrapText(`${title}:`, this.#width - 2).map((line) => `  ${line}`),
      `  ${url}`,
    ]);
    return ['', this.#paint('bold', 'Documents'), ...lines];
  }

  #short({ result, title, found }: CheckFinding): string[] {
    const column = INDENT.length + TITLE_WIDTH;
    const [first = '', ...rest] = wrapText(found, this.#width - column);
    return [
      `  ${this.#label(result)}  ${padToWidth(title, TITLE_WIDTH)}${first}`,
      ...rest.map((line) => `${' '.repeat(column)}${line}`),
    ];
  }

  #long({ result, title, found, reason, fix, sources }: CheckFinding, alike: readonly CheckFinding[]): string[] {
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
      ...(isOne ? this.#paragraph('see', sources.map((source) => source.title).join('; ')) : []),
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
