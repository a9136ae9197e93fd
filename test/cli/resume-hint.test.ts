import { describe, expect, it } from 'vitest';
import { canResume, ResumeHint } from '../../src/cli/resume-hint.ts';
import { CredentialError, DestinationError, ServiceError, UsageError, VerificationError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';

const SAVED: UploadEvent = { type: 'saved', checkpoint: 'c.json' };
const NOT_SAVED: UploadEvent = { type: 'warning', code: 'checkpoint-not-saved', message: 'ENOSPC' };
const LOST = new ServiceError('The connection is lost.', { reason: 'ECONNRESET', transient: true });
const EXPIRED = new CredentialError('The SAS has expired.', { isExpired: true });

const STARTED: UploadEvent = {
  type: 'start-verify',
  files: [],
  image: 'disk.vhd',
  format: 'vhd-dynamic',
  diskSize: 512,
  checkpoint: 'c.json',
  url: 'https://x',
  blobSize: 1024,
  method: 'full',
  threads: 'auto',
  maxWindows: 8,
};

function started(): ResumeHint {
  const hint = new ResumeHint();
  hint.onEvent(STARTED);
  return hint;
}

describe('ResumeHint', () => {
  it('prints the command to run again, if it was given', () => {
    const hint = new ResumeHint('add-azurevhd -lf a.vhd');
    hint.onEvent(STARTED);
    expect(hint.describe(LOST, false)).toMatch(/Run the same command again to resume\.\n {2}add-azurevhd -lf a\.vhd$/);
    expect(hint.describe(EXPIRED, false)).toMatch(/ by itself\.\n {2}add-azurevhd -lf a\.vhd$/);
  });

  it('is empty before there is a checkpoint', () => {
    expect(new ResumeHint().describe(LOST, false)).toBeUndefined();
  });

  it('names the file with the progress, and how to resume', () => {
    const hint = started();
    hint.onEvent(SAVED);
    expect(hint.describe(LOST, false)).toBe('Progress is saved in c.json. Run the same command again to resume.');
    expect(hint.describe(LOST, true)).toContain('Run the same command again without --restart to resume.');
  });

  it('does not advise the same command at once after a failure that a retry cannot change', () => {
    const refused = new ServiceError('The service refused.', { status: 400, reason: 'InvalidInput', transient: false });
    expect(started().describe(refused, false)).toContain('to resume when the cause is removed.');
  });

  it('asks for a new SAS when the SAS has expired', () => {
    expect(started().describe(EXPIRED, false)).toContain('again with a new SAS to resume. With --sas-file');
  });

  it('asks for a SAS that reads if the upload had one that cannot', () => {
    const hint = started();
    hint.onEvent({ type: 'warning', code: 'write-only-sas', message: 'It lacks r.' });
    const needs = 'Run the same command again with a SAS with at least sp=rw to resume.';
    expect(hint.describe(LOST, false)).toBe(`Progress is saved in c.json. ${needs}`);
    expect(hint.describe(EXPIRED, false)).toBe(`Progress is saved in c.json. ${needs}`);
  });

  it('does not claim that progress is saved when saving failed', () => {
    const hint = started();
    hint.onEvent(NOT_SAVED);
    expect(hint.describe(LOST, false)).toContain('The latest progress could not be saved. c.json contains');
    hint.onEvent(SAVED);
    expect(hint.describe(LOST, false)).toContain('Progress is saved in c.json.');
  });

  it('adds nothing to failures after which the same command cannot resume', () => {
    expect(started().describe(new DestinationError('It exists.'), false)).toBeUndefined();
  });
});

describe('canResume', () => {
  it('is true only for failures of the service, credentials and interruptions', () => {
    for (const error of [LOST, EXPIRED]) expect(canResume(error)).toBe(true);
    for (const error of [new UsageError('?'), new VerificationError('?'), new Error('?'), undefined]) {
      expect(canResume(error)).toBe(false);
    }
  });
});
