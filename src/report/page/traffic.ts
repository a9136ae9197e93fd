// Requests, the faults they survived, and the rate over time.
import { formatRate } from '../../base/units.ts';
import type { FaultCount, RateFacts, ReportFacts, RequestCount, RunFacts } from '../facts.ts';
import { DAMAGED } from '../faults.ts';
import { type Html, html, raw } from './html.ts';
import { facts, paragraph, section, table } from './parts.ts';
import { counted, duration, grouped, number, time } from './words.ts';

/** The newest runs that moved something. */
const MAX_CHARTS = 4;

export function trafficSection(report: ReportFacts): Html | undefined {
  const { runs } = report;
  if (runs.length === 0) return undefined;
  const requests = requestsOf(runs);
  const faults = faultsOf(runs);
  const charts = runs.flatMap((run, index) => (isCharted(run.rate) ? [chart(run.rate, index, runs.length)] : []));
  return section(
    'traffic',
    'Requests and faults',
    facts([
      ['Requests', number(requests.reduce((sum, { sent }) => sum + sent, 0))],
      ['Retries', number(faults.reduce((sum, { count }) => sum + count, 0))],
      ['Wrong checksums', number(faults.find(({ kind }) => kind === DAMAGED)?.count ?? 0)],
      ['Requests at once', concurrency(runs)],
      [
        'SAS renewed',
        runs.some(({ renewals }) => renewals > 0)
          ? number(runs.reduce((sum, run) => sum + run.renewals, 0))
          : undefined,
      ],
    ]),
    faults.length === 0
      ? paragraph('No request had to be repeated.')
      : table(
          'Faults after which a request was sent again',
          [
            { name: 'Fault' },
            { name: 'Times', isNumber: true },
            { name: 'Codes' },
            { name: 'First' },
            { name: 'Last' },
          ],
          faults.map((fault) => [
            fault.kind,
            grouped(fault.count),
            reasons(fault),
            time(fault.first),
            time(fault.last),
          ]),
        ),
    requests.length === 0
      ? undefined
      : table(
          'Requests by operation. Those without success were sent again, were stopped, or had an expected answer, such as that no blob exists.',
          [
            { name: 'Operation' },
            { name: 'Sent', isNumber: true },
            { name: 'Without success', isNumber: true },
            { name: 'Bytes', isNumber: true },
          ],
          requests.map(({ operation, sent, failed, bytes }) => [
            operation,
            grouped(sent),
            grouped(failed),
            bytes === 0 ? '' : grouped(bytes),
          ]),
        ),
    charts.slice(-MAX_CHARTS),
  );
}

function concurrency(runs: readonly RunFacts[]): Html | string | undefined {
  const known = runs.map((run) => run.concurrency).filter((one) => one !== undefined);
  const last = known.at(-1);
  if (last === undefined) return undefined;
  return `at most ${grouped(Math.max(...known.map(({ most }) => most)))}, at the end ${grouped(last.last)}`;
}

export function requestsOf(runs: readonly RunFacts[]): readonly RequestCount[] {
  const sums = new Map<string, RequestCount>();
  for (const request of runs.flatMap(({ requests }) => requests)) {
    const known = sums.get(request.operation) ?? { operation: request.operation, sent: 0, failed: 0, bytes: 0 };
    sums.set(request.operation, {
      ...known,
      sent: known.sent + request.sent,
      failed: known.failed + request.failed,
      bytes: known.bytes + request.bytes,
    });
  }
  return [...sums.values()].sort((a, b) => b.sent - a.sent);
}

export function faultsOf(runs: readonly RunFacts[]): readonly FaultCount[] {
  const sums = new Map<string, FaultCount>();
  for (const fault of runs.flatMap(({ faults }) => faults)) {
    const known = sums.get(fault.kind);
    sums.set(fault.kind, known === undefined ? fault : joined(known, fault));
  }
  return [...sums.values()].sort((a, b) => b.count - a.count);
}

function joined(one: FaultCount, other: FaultCount): FaultCount {
  const reasons = new Map(one.reasons.map(({ reason, count }) => [reason, count]));
  for (const { reason, count } of other.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  return {
    kind: one.kind,
    count: one.count + other.count,
    reasons: [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    first: Math.min(one.first, other.first),
    last: Math.max(one.last, other.last),
  };
}

function reasons(fault: FaultCount): Html {
  return html`${fault.reasons.map(({ reason, count }) => html`<code>${reason}</code>${count === fault.count ? '' : ` ${grouped(count)} `} `)}`;
}

/** A few intervals show nothing that the numbers do not. */
function isCharted(rate: RateFacts | undefined): rate is RateFacts {
  return rate !== undefined && rate.bytes.length >= 8;
}

const [BAR, HEIGHT, TICK] = [4, 60, 6];
/** A short run has narrow bars too. */
const MIN_BARS = 60;

function chart({ bytes, faults, intervalMs, startedAt }: RateFacts, index: number, runs: number): Html {
  const rates = bytes.map((count) => (count * 1000) / intervalMs);
  const most = Math.max(...rates);
  // The last interval is not over.
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const bars = rates.map((rate, at) => {
    const height = most === 0 ? 0 : Math.max(rate === 0 ? 0 : 1, Math.round((rate / most) * HEIGHT));
    return height === 0 ? '' : `M${at * BAR} ${HEIGHT}v-${height}h${BAR - 1}v${height}z`;
  });
  const ticks = faults.map((count, at) =>
    count === 0 ? '' : `M${at * BAR} ${HEIGHT + 2}h${BAR - 1}v${TICK}h-${BAR - 1}z`,
  );
  const sum = faults.reduce((total, count) => total + count, 0);
  const of = runs === 1 ? '' : ` of run ${index + 1}`;
  const id = `rate-${index}`;
  return html`<figure>
<svg class="rate" viewBox="0 0 ${Math.max(bytes.length, MIN_BARS) * BAR} ${HEIGHT + TICK + 2}" preserveAspectRatio="none" role="img" aria-labelledby="${id}-title ${id}-text">
<title id="${id}-title">Rate over time${of}</title>
<desc id="${id}-text">At most ${formatRate(most)}, on average ${formatRate(mean)}, in ${bytes.length} intervals of ${duration(intervalMs)}. ${counted(sum, 'retry', 'retries')}.</desc>
${raw(`<path class="m-much" d="${bars.join('')}"/><path class="m-fault" d="${ticks.join('')}"/>`)}
</svg>
<figcaption>Rate${of}, from ${time(startedAt)}, in intervals of ${duration(intervalMs)}: at most ${formatRate(most)}, on average ${formatRate(mean)}.${sum === 0 ? '' : ' Marks below the line: requests that were sent again.'}</figcaption>
</figure>
`;
}
