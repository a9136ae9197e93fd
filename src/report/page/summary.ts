// The numbers that people look for first.
import { formatBytes } from '../../base/units.ts';
import type { ReportFacts } from '../facts.ts';
import { numberIn } from '../fields.ts';
import { amountsOf } from './amounts.ts';
import { type Html, html } from './html.ts';
import { resultOf } from './subject.ts';
import { faultsOf } from './traffic.ts';
import { counted, duration, grouped } from './words.ts';

/** Undefined if nothing of it is known. */
export function summary(report: ReportFacts): Html | undefined {
  const numbers = [...amountNumbers(report), ...runNumbers(report)];
  if (numbers.length === 0) return undefined;
  return html`<ul class="numbers">
${numbers.map(([value, what]) => html`<li><strong>${value}</strong> ${what}</li>\n`)}</ul>`;
}

type Numbers = readonly (readonly [string, string])[];

function amountNumbers(report: ReportFacts): Numbers {
  if (report.work === 'download') return receivedNumbers(report);
  const amounts = amountsOf(report);
  if (amounts === undefined) return [];
  const [sent, ...skipped] = amounts.parts;
  const rest = skipped.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    [formatBytes(sent?.bytes ?? 0), report.runs.length === 0 ? 'recorded with checksums' : 'sent'],
    [formatBytes(rest), amounts.isDone ? 'skipped' : 'skipped or not finished'],
  ];
}

function receivedNumbers(report: ReportFacts): Numbers {
  const result = resultOf(report);
  const received = result && numberIn(result, 'received');
  return received === undefined ? [] : [[formatBytes(received), 'received']];
}

function runNumbers({ runs, work }: ReportFacts): Numbers {
  const own = runs.filter((run) => run.work === work);
  if (own.length === 0) return [];
  const faults = faultsOf(runs).reduce((sum, { count }) => sum + count, 0);
  const times = own.map(({ startedAt, endedAt }) =>
    startedAt === undefined || endedAt === undefined ? 0 : Math.max(0, endedAt - startedAt),
  );
  return [
    [
      grouped(faults),
      `${faults === 1 ? 'fault' : 'faults'}${runs.at(-1)?.outcome?.is === 'result' ? ' survived' : ''}`,
    ],
    [duration(times.reduce((sum, time) => sum + time, 0)), `in ${counted(own.length, 'run')}`],
  ];
}
