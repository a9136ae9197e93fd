import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Autosave } from '../../src/state/autosave.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('Autosave', () => {
  it('saves once per interval, first after one interval', async () => {
    let saves = 0;
    const autosave = new Autosave(1000, () => {
      saves += 1;
      return Promise.resolve();
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(saves).toBe(0);
    await vi.advanceTimersByTimeAsync(2001);
    expect(saves).toBe(3);
    await autosave.stop();
  });

  it('saves at once on request, but not during a save or after a stop', async () => {
    let saves = 0;
    const autosave = new Autosave(1000, () => {
      saves += 1;
      return Promise.resolve();
    });
    autosave.now();
    autosave.now();
    expect(saves).toBe(1);
    await autosave.stop();
    autosave.now();
    expect(saves).toBe(1);
  });

  it('never runs two saves at the same time, however long one takes', async () => {
    let running = 0;
    let most = 0;
    const finish: (() => void)[] = [];
    const autosave = new Autosave(1000, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => finish.push(resolve));
      running -= 1;
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(finish).toHaveLength(2);
    finish[1]?.();
    await autosave.stop();
    expect(most).toBe(1);
  });

  it('runs no save after stop has resolved', async () => {
    let finish = (): void => undefined;
    let saves = 0;
    const autosave = new Autosave(1000, async () => {
      saves += 1;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await vi.advanceTimersByTimeAsync(1000);
    let hasStopped = false;
    const stopping = autosave.stop().then(() => {
      hasStopped = true;
    });
    await vi.advanceTimersByTimeAsync(5000);
    expect(hasStopped).toBe(false);
    finish();
    await stopping;
    await vi.advanceTimersByTimeAsync(5000);
    expect(saves).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
