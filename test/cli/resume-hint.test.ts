import { describe, expect, it } from 'vitest';
import { canResume, ResumeHint } from '../../src/cli/resume-hint.ts';
import { CredentialError, DestinationError, ServiceError, UsageError, VerificationError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';

const SAVED: UploadEvent = { type: 'saved', checkpoint: 'c.json' };
const NOT_SAVED: UploadEvent = { type: 'warning', code: 'checkpoint-not-saved', message: 'ENOSPC' };
const LOST = new ServiceError('The connection is lost.', { reason: 'ECONNRESET', transient: true });
const EXPIRED = new CredentialError('The SAS has expired.', { isExpired: true });

function started(): ResumeHint {
  const hint = new ResumeHint();
  hint.onEvent({
    type: 'start-verify',
    image: 'disk.vhd',
    format: 'vhd-dynamic',
    diskSize: 512,
    checkpoint: 'c.json',
    url: 'https://x',
    blobSize: 1024,
    method: 'full',
    threads: 'auto',
    maxWindows: 8,
  });
  return hint;
}

describe('ResumeHint', () => {
  it('says nothing before there is a checkpoint', () => {
    expect(new ResumeHint().describe(LOST, false)).toBeUndefined();
  });

  it('says where the progress is saved, and how to resume', () => {
    const hint = started();
    hint.onEvent(SAVED);
    expect(hint.describe(LOST, false)).toBe('Progress is saved in c.json. Run the same command again to resume.');
    expect(hint.describe(LOST, true)).toContain('Run the same command again without --restart to resume.');
  });

  it('asks for a new SAS when the SAS has expired', () => {
    expect(started().describe(EXPIRED, false)).toContain('again with a new SAS to resume. With --sas-file');
  });

  it('does not claim that progress is saved while it could not be saved', () => {
    const hint = started();
    hint.onEvent(NOT_SAVED);
    expect(hint.describe(LOST, false)).toContain('The latest progress could not be saved. c.json contains');
    hint.onEvent(SAVED);
    expect(hint.describe(LOST, false)).toContain('Progress is saved in c.json.');
  });

  it('leaves failures that the same command cannot resume from to their messages', () => {
    expect(started().describe(new DestinationError('It exists.'), false)).toBeUndefined();
  });
});

describe('canResume', () => {
  it('is true for failures of the service, credentials and interruptions only', () => {
    for (const error of [LOST, EXPIRED]) expect(canResume(error)).toBe(true);
    for (const error of [new UsageError('?'), new VerificationError('?'), new Error('?'), undefined]) {
      expect(canResume(error)).toBe(false);
    }
  });
});
