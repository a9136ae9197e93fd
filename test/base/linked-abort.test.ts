import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LinkedAbort } from '../../src/base/linked-abort.ts';

describe('LinkedAbort', () => {
  it('aborts with the reason of its parent', () => {
    const parent = new AbortController();
    const child = new LinkedAbort(parent.signal);
    const reason = { why: 'enough' };
    expect(child.signal.aborted).toBe(false);
    parent.abort(reason);
    expect(child.signal.reason).toBe(reason);
  });

  it('aborts for reasons of its own without touching its parent', () => {
    const parent = new AbortController();
    const child = new LinkedAbort(parent.signal);
    const reason = new Error('a write failed');
    child.abort(reason);
    expect(child.signal.reason).toBe(reason);
    expect(parent.signal.aborted).toBe(false);
  });

  it('keeps the first reason', () => {
    const parent = new AbortController();
    const child = new LinkedAbort(parent.signal);
    const first = new Error('first');
    child.abort(first);
    child.abort(new Error('second'));
    parent.abort(new Error('third'));
    expect(child.signal.reason).toBe(first);
  });

  it('cannot be created from an aborted parent', () => {
    const reason = new Error('enough');
    expect(() => new LinkedAbort(AbortSignal.abort(reason))).toThrow(reason);
  });

  it('has no listener at its parent after unlink, and is not aborted by it', () => {
    const parent = new AbortController();
    for (let count = 0; count < 100; count++) new LinkedAbort(parent.signal).unlink();
    expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
    const child = new LinkedAbort(parent.signal);
    child.unlink();
    parent.abort();
    expect(child.signal.aborted).toBe(false);
  });
});
