import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ServiceError } from '../src/errors.ts';
import { type EventListener, retryEvent, shielded, type UploadEvent, warningOnce } from '../src/events.ts';

const EVENT: UploadEvent = { type: 'phase', phase: 'sending' };

describe('shielded', () => {
  it('passes events on', () => {
    const seen: UploadEvent[] = [];
    shielded((event) => seen.push(event))(EVENT);
    expect(seen).toEqual([EVENT]);
  });

  it('works without a listener', () => {
    expect(() => shielded(undefined)(EVENT)).not.toThrow();
  });

  it('ignores errors of a listener', () => {
    const listener: EventListener = () => {
      throw new Error('the bar broke');
    };
    expect(() => shielded(listener)(EVENT)).not.toThrow();
  });

  it('ignores rejections of an asynchronous listener', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => {
      process.off('unhandledRejection', note);
    });
    const listener: EventListener = async () => {
      await turn();
      throw new Error('the bar broke');
    };
    shielded(listener)(EVENT);
    await turn();
    await turn();
    await turn();
    expect(rejections).toEqual([]);
  });
});

describe('warningOnce', () => {
  it('passes everything on but the repetition of one warning', () => {
    const seen: UploadEvent[] = [];
    const listener = warningOnce('no-page-list', (event) => void seen.push(event));
    const warning = (code: string): UploadEvent => ({ type: 'warning', code, message: code });
    const events = [EVENT, warning('no-page-list'), warning('other'), warning('other'), EVENT];
    for (const event of [...events, warning('no-page-list')]) listener(event);
    expect(seen).toEqual(events);
  });
});

describe('retryEvent', () => {
  it('reports what failed and when it is retried', () => {
    const error = new ServiceError('Put Page 0+512 failed: 503 ServerBusy', { reason: 'ServerBusy', transient: true });
    expect(retryEvent({ what: 'Put Page 0+512', attempt: 2, delayMs: 700, error })).toEqual({
      type: 'retry',
      what: 'Put Page 0+512',
      attempt: 2,
      delayMs: 700,
      reason: 'ServerBusy',
      message: 'Put Page 0+512 failed: 503 ServerBusy',
    });
  });
});
