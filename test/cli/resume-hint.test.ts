import { expect, it } from 'vitest';
import { KeptState } from '../../src/cli/resume-hint.ts';
import type { UploadEvent } from '../../src/events.ts';

const SAVED: UploadEvent = { type: 'saved', checkpoint: 'c.json' };
const NOT_SAVED: UploadEvent = { type: 'warning', code: 'checkpoint-not-saved', message: 'ENOSPC' };

function started(): KeptState {
  const state = new KeptState();
  expect(state.isThere).toBe(false);
  const start = { type: 'start-verify', image: 'disk.vhd', format: 'vhd-dynamic', diskSize: 512, checkpoint: 'c.json' };
  state.onEvent({ ...start, url: 'https://x', blobSize: 1024, method: 'full', threads: 'auto' } as UploadEvent);
  return state;
}

it('says where the state is kept', () => {
  const state = started();
  state.onEvent(SAVED);
  expect(state.isThere).toBe(true);
  expect(state.describe('What was sent')).toBe('What was sent is kept in c.json.');
});

it('does not say that what could not be saved is kept, until it could', () => {
  const state = started();
  state.onEvent(NOT_SAVED);
  expect(state.describe('What was sent')).toContain('What was sent lately could not be saved');
  state.onEvent(SAVED);
  expect(state.describe('What was sent')).toContain('is kept in');
});
