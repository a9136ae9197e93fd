import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProgressBar } from '../../../src/cli/progress/progress-bar.ts';
import { ASCII, UNICODE } from '../../../src/cli/screens/symbols.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { totalsOf } from '../../support/transfer-totals.ts';

const GIB = 1024 ** 3;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function makeBar(columns = 80, symbols = UNICODE) {
  const terminal = new FakeTerminal(columns);
  return { terminal, bar: new ProgressBar(terminal.asStream, symbols) };
}

describe('ProgressBar', () => {
  it('shows all parts in one line if there is room', () => {
    const { terminal, bar } = makeBar(140);
    bar.show(totalsOf({ retries: 3 }));
    vi.advanceTimersByTime(1000);
    expect(terminal.screen).toEqual([
      ` 40% ${'█'.repeat(16)}${'░'.repeat(24)}  4.00 GiB of 10.0 GiB  0 B/s  ETA -:--  skipped 101 GiB  3 retries`,
    ]);
    bar.stop();
  });

  it.each([140, 80, 40, 20, 5, 1])('never fills a line of %i columns', (columns) => {
    const size = fc.integer({ min: 0, max: 64 * 1024 * GIB });
    fc.assert(
      fc.property(
        fc.record({
          planned: fc.option(size, { nil: undefined }),
          done: size,
          sent: size,
          zeros: size,
          retries: fc.nat(),
        }),
        fc.nat(100_000),
        (totals, waitMs) => {
          const { terminal, bar } = makeBar(columns);
          bar.show(totalsOf({ ...totals, done: 0, sent: 0 }));
          vi.advanceTimersByTime(waitMs);
          bar.show(totalsOf(totals));
          vi.advanceTimersByTime(1000);
          expect(terminal.screen).toHaveLength(1);
          expect(terminal.screen[0]?.length).toBeLessThan(columns);
          bar.stop();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keeps the amount and the percentage on a narrow terminal', () => {
    const { terminal, bar } = makeBar(40);
    bar.show(totalsOf());
    vi.advanceTimersByTime(1000);
    expect(terminal.screen[0]).toMatch(/^ 40% [█░]{10,} {2}4\.00 GiB of 10\.0 GiB$/);
    bar.stop();
  });

  it('uses symbols that the terminal supports', () => {
    const { terminal, bar } = makeBar(140, ASCII);
    bar.show(totalsOf());
    vi.advanceTimersByTime(1000);
    expect(terminal.screen[0]).toMatch(/^ 40% #{16}-{24} {2}4\.00 GiB [ -~]*$/);
    bar.stop();
  });

  it('uses 80 columns if the terminal does not know its width', () => {
    const { terminal, bar } = makeBar(0);
    bar.show(totalsOf());
    vi.advanceTimersByTime(1000);
    expect(terminal.screen[0]).toMatch(/^ 40% [█░]{10,} {2}4\.00 GiB of 10\.0 GiB/);
    expect(terminal.screen[0]?.length).toBeLessThan(80);
    bar.stop();
  });

  it('adapts when the terminal shrinks', () => {
    const { terminal, bar } = makeBar(140);
    bar.show(totalsOf());
    vi.advanceTimersByTime(1000);
    terminal.columns = 40;
    vi.advanceTimersByTime(1000);
    expect(terminal.screen[0]?.length).toBeLessThan(40);
    bar.stop();
  });

  it('prints lines above itself and never overwrites them, not even when it ends', () => {
    const { terminal, bar } = makeBar();
    bar.show(totalsOf({ done: 0 }));
    vi.advanceTimersByTime(1000);
    bar.log('the first line');
    bar.show(totalsOf({ done: 5 * GIB }));
    vi.advanceTimersByTime(1000);
    bar.log('the second line, which is longer than the bar: '.padEnd(79, '.'));
    vi.advanceTimersByTime(1000);
    bar.show(totalsOf({ done: 10 * GIB }));
    bar.stop();
    terminal.write('the result\n');
    expect(terminal.screen).toEqual([
      'the first line',
      'the second line, which is longer than the bar: '.padEnd(79, '.'),
      expect.stringMatching(/^100% █{10,} {2}10\.0 GiB of 10\.0 GiB/),
      'the result',
      '',
    ]);
  });

  it('ends with the last totals and shows the cursor again', () => {
    const { terminal, bar } = makeBar();
    bar.show(totalsOf({ done: 0 }));
    expect(terminal.isCursorShown).toBe(false);
    bar.show(totalsOf({ done: 10 * GIB }));
    bar.stop();
    expect(terminal.isCursorShown).toBe(true);
    expect(terminal.screen[0]).toMatch(/^100%/);
    expect(terminal.row).toBe(1);
    const { written } = terminal;
    vi.advanceTimersByTime(10_000);
    bar.stop();
    expect(terminal.written).toBe(written);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('prints lines before the first totals, and draws nothing without totals', () => {
    const { terminal, bar } = makeBar();
    bar.log('a warning');
    bar.stop();
    expect(terminal.written).toBe('a warning\n');
  });
});
