import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { selectRuns } from '../../src/report/select-runs.ts';
import { manifestFacts, PROGRAM, RESULT, recordRun, START } from '../support/report-facts.ts';

const upload = (uploadId: string, url: string = START.url) => recordRun([{ ...START, uploadId, url }, RESULT]);
const verify = (url: string = START.url) =>
  recordRun(
    [
      { ...START, type: 'start-verify', url, method: 'full' },
      { type: 'result', matches: true },
    ],
    {
      ...PROGRAM,
      command: 'verify',
    } as unknown as typeof PROGRAM,
  );

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('Nothing was refused.');
}

describe('selectRuns', () => {
  it('chooses the newest upload with the verifications of its blob, and names the others', () => {
    const runs = [upload('one'), verify(), upload('two'), upload('two'), verify('https://a.b/c/d'), verify()];
    const { work, runs: selected, notes } = selectRuns(runs, undefined);
    expect(work).toBe('upload');
    expect(selected).toEqual([runs[2], runs[3], runs[5]]);
    expect(notes.join()).toContain('--upload-id chooses one: one.');
  });

  it('chooses the upload that is asked for, without the verifications of what replaced it', () => {
    const runs = [verify(), upload('one'), verify(), upload('two'), verify()];
    const { runs: selected, notes } = selectRuns(runs, undefined, 'one');
    expect(selected).toEqual([runs[1], runs[2]]);
    expect(notes).toEqual([]);
  });

  it('chooses the upload of the manifest', () => {
    const runs = [upload(START.uploadId), upload('two')];
    expect(selectRuns(runs, manifestFacts()).runs).toEqual([runs[0]]);
    expect(selectRuns([], manifestFacts())).toMatchObject({ work: 'upload', runs: [] });
  });

  it('chooses the newest verification, if nothing was uploaded', () => {
    const runs = [verify(), verify('https://a.b/c/d'), verify()];
    expect(selectRuns(runs, undefined)).toMatchObject({ work: 'verify', runs: [runs[0], runs[2]] });
  });

  it('chooses one run, if none of them has begun', () => {
    const failed = () => recordRun([{ type: 'error', code: 'CREDENTIALS', exitCode: 8, message: 'No.' }]);
    const runs = [failed(), failed()];
    expect(selectRuns(runs, undefined).runs).toEqual([runs[1]]);
  });

  it('refuses a log of another upload, and names what it has', () => {
    expect(refusal(() => selectRuns([upload('two')], manifestFacts()))).toMatch(
      /does not record the upload 0f0e.*manifest disk\.manifest.*the uploads two/,
    );
    expect(refusal(() => selectRuns([upload('two')], undefined, 'three'))).toContain('it records the uploads two');
    expect(refusal(() => selectRuns([], manifestFacts(), 'three'))).toContain('Leave --upload-id or --manifest out');
    expect(refusal(() => selectRuns([], undefined))).toContain('records no upload, verification or download');
  });
});
