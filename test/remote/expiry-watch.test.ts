import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { watchExpiry } from '../../src/remote/expiry-watch.ts';
import { totalsOf } from '../support/transfer-totals.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const MINUTE_MS = 60_000;

/** A watch with its own clock. */
function watching({ endsInMs = undefined as number | undefined, maxRate = Number.POSITIVE_INFINITY } = {}) {
  const state = { nowMs: Date.parse('2026-03-01T12:00:00Z'), endsInMs };
  const startMs = state.nowMs;
  const events: UploadEvent[] = [];
  const watch = watchExpiry((event) => events.push(event), {
    endsOn: () => (state.endsInMs === undefined ? undefined : new Date(startMs + state.endsInMs)),
    maxRate,
    now: () => state.nowMs,
  });
  const progress = (afterMs: number, done: number, planned: number | 'not counted' = 36 * GIB) => {
    state.nowMs = startMs + afterMs;
    watch({ type: 'progress', ...totalsOf({ done, planned: planned === 'not counted' ? undefined : planned }) });
  };
  const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  return { state, progress, warnings, events, watch };
}

describe('watchExpiry', () => {
  it('forwards every event', () => {
    const { watch, events } = watching();
    watch({ type: 'phase', phase: 'sending' });
    expect(events).toEqual([{ type: 'phase', phase: 'sending' }]);
  });

  it('warns at once if the time is too short even for a fast connection', () => {
    const { progress, warnings } = watching({ endsInMs: 10 * MINUTE_MS });
    progress(0, 0, 'not counted');
    expect(warnings()).toEqual([]);
    // 36 GiB at 60 MiB/s are 614 seconds.
    progress(100, 0);
    expect(warnings()).toEqual([
      'At 60 MiB/s the upload takes until 2026-03-01T12:10:14Z, but the SAS expires at 2026-03-01T12:10:00Z. A new SAS will be needed then.',
    ]);
  });

  it('names the work', () => {
    const messages: string[] = [];
    const watch = watchExpiry((event) => event.type === 'warning' && messages.push(event.message), {
      ...{ endsOn: () => new Date(1000), maxRate: Number.POSITIVE_INFINITY, work: 'download', now: () => 0 },
    });
    watch({ type: 'progress', ...totalsOf({ done: 0, planned: 36 * GIB }) });
    expect(messages[0]).toContain('the download takes until');
  });

  it('considers the rate limit', () => {
    const { progress, warnings } = watching({ endsInMs: 60 * MINUTE_MS, maxRate: 5 * MIB });
    progress(0, 0);
    expect(warnings()[0]).toContain('At 5.0 MiB/s');
  });

  it('warns once the speed is known to be too low, and only once', () => {
    const { progress, warnings } = watching({ endsInMs: 60 * MINUTE_MS });
    for (let second = 0; second < 30; second++) progress(second * 1000, second * 8 * MIB);
    expect(warnings()).toEqual([]);
    for (let second = 30; second < 300; second++) progress(second * 1000, second * 8 * MIB);
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain('At this speed');
  });

  it('does not count the progress of earlier runs as speed', () => {
    const { progress, warnings } = watching({ endsInMs: 60 * MINUTE_MS });
    progress(0, 30 * GIB);
    progress(40_000, 30 * GIB + 40 * MIB);
    expect(warnings()[0]).toContain('At this speed');
  });

  it('warns once per SAS', () => {
    const { progress, warnings, state } = watching({ endsInMs: 5 * MINUTE_MS });
    progress(0, 0);
    state.endsInMs = 6 * MINUTE_MS;
    progress(1000, 0);
    progress(2000, 0);
    expect(warnings()).toHaveLength(2);
  });

  it.each([
    ['there is time enough', 24 * 60 * MINUTE_MS],
    ['nothing is known of an end', undefined],
  ])('says nothing where %s', (_, endsInMs) => {
    const { progress, warnings } = watching({ endsInMs });
    for (let second = 0; second < 120; second++) progress(second * 1000, second * 50 * MIB);
    expect(warnings()).toEqual([]);
  });

  it('handles a speed at which the end exceeds the range of Date', () => {
    const { progress, warnings } = watching({ endsInMs: 9e11 });
    progress(0, 0, 2 ** 46);
    progress(8e11, 1, 2 ** 46);
    expect(warnings()[0]).toContain('+275760-09-13');
  });
});
