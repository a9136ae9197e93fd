// The runs of the work, one line each, and what they warned of.
import type { ReportFacts, RunFacts } from '../facts.ts';
import { numberIn, textIn } from '../fields.ts';
import { type Html, html, type Part } from './html.ts';
import { section, table } from './parts.ts';
import { duration, NOT_RECORDED, number, rate, time } from './words.ts';

/** The newest runs are shown. */
const MAX_SHOWN = 40;

export function runsSection({ runs }: ReportFacts): Html | undefined {
  if (runs.length === 0) return undefined;
  const older = runs.length - MAX_SHOWN;
  const rows = runs.map((run, index) => [
    `${index + 1}.\u00a0${run.work ?? 'run'}`,
    started(run),
    run.startedAt === undefined || run.endedAt === undefined
      ? NOT_RECORDED
      : duration(Math.max(0, run.endedAt - run.startedAt)),
    number(movedBy(run)),
    number(numberIn(run.totals, 'requests') ?? run.requests.reduce((sum, { sent }) => sum + sent, 0)),
    number(run.faults.reduce((sum, { count }) => sum + count, 0)),
    rate(numberIn(run.totals, 'bytesPerSecond') ?? averageOf(run)),
    ended(run),
  ]);
  return section(
    'runs',
    runs.length === 1 ? 'The run' : 'The runs',
    table(
      older > 0
        ? `The last ${MAX_SHOWN} of ${runs.length} runs`
        : runs.length === 1
          ? 'What it took, and how it ended'
          : 'From the first to the last',
      [
        { name: 'Run' },
        { name: 'Started' },
        { name: 'Took', isNumber: true },
        { name: 'Bytes moved', isNumber: true },
        { name: 'Requests', isNumber: true },
        { name: 'Retries', isNumber: true },
        { name: 'Rate', isNumber: true },
        { name: 'End' },
      ],
      rows.slice(-MAX_SHOWN),
    ),
  );
}

function started(run: RunFacts): Html {
  return run.isWhole ? time(run.startedAt) : html`before ${time(run.startedAt)}`;
}

/** What the service acknowledged, or sent back. */
function movedBy({ work, totals, requests }: RunFacts): number {
  const names = { upload: 'sent', verify: 'readBack', download: 'received' } as const;
  const known = work === undefined ? undefined : numberIn(totals, names[work]);
  const operation = work === 'upload' ? 'Put Page' : 'Get Blob';
  return known ?? requests.find((request) => request.operation === operation)?.bytes ?? 0;
}

/** Bytes per second from the first line of a run to its last. */
function averageOf(run: RunFacts): number | undefined {
  if (run.startedAt === undefined || run.endedAt === undefined || run.endedAt <= run.startedAt) return undefined;
  return (movedBy(run) * 1000) / (run.endedAt - run.startedAt);
}

function ended({ outcome }: RunFacts): Part {
  if (outcome === undefined) return html`<span class="none">no end recorded</span>`;
  if (outcome.is === 'error')
    return html`<code>${outcome.code}</code>${outcome.exitCode === undefined ? '' : `, exit code ${outcome.exitCode}`}`;
  const verified = textIn(outcome.result, 'verified');
  const matches = outcome.result['matches'];
  if (matches !== undefined) return matches === true ? 'matches' : 'does not match';
  return verified === undefined ? 'complete' : `complete, verified: ${verified}`;
}

export function warningsSection({ runs }: ReportFacts): Html | undefined {
  const warnings = new Map<string, { code: string; message: string; count: number }>();
  for (const { code, message, count } of runs.flatMap((run) => run.warnings)) {
    const key = `${code} ${message}`;
    warnings.set(key, { code, message, count: count + (warnings.get(key)?.count ?? 0) });
  }
  if (warnings.size === 0) return undefined;
  return section(
    'warnings',
    'Warnings',
    table(
      'What the runs warned of; check- stands for a rule of vhdup check',
      [{ name: 'Code' }, { name: 'Warning' }, { name: 'Times', isNumber: true }],
      [...warnings.values()].map(({ code, message, count }) => [html`<code>${code}</code>`, message, number(count)]),
    ),
  );
}
