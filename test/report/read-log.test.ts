import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalFileError } from '../../src/errors.ts';
import { readLog } from '../../src/report/read-log.ts';
import { PROGRAM, RESULT, START, START_TIME } from '../support/report-facts.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

/** A line of a log. @param second - When it was written. */
function line(second: number, object: object, run?: string): string {
  const time = new Date(START_TIME + second * 1000).toISOString();
  return `${JSON.stringify({ time, ...(run === undefined ? {} : { run }), ...object })}\n`;
}

const BEGIN = { type: 'log', ...PROGRAM };
const PUT = { type: 'request', what: 'Put Page 0+4194304', status: 201, requestId: 'r', durationMs: 5 };
const ERROR = { type: 'error', code: 'SERVICE', exitCode: 9, message: 'Gave up.', nextStep: 'Run it again.' };

async function logOf(...lines: readonly string[]): Promise<string> {
  const path = join(await temporaryFolder(), 'upload.log');
  await writeFile(path, lines.join(''));
  return path;
}

describe('readLog', () => {
  it('reads a run from its first line to its last', async () => {
    const path = await logOf(line(0, BEGIN, 'a'), line(1, START, 'a'), line(2, PUT, 'a'), line(9, RESULT, 'a'));
    const { runs, unreadable, isCut, older } = await readLog(path);
    expect({ unreadable, isCut, older }).toEqual({ unreadable: 0, isCut: false, older: 0 });
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      work: 'upload',
      isWhole: true,
      startedAt: START_TIME,
      endedAt: START_TIME + 9000,
      program: PROGRAM,
      outcome: { is: 'result', result: { sent: RESULT.sent } },
      requests: [{ operation: 'Put Page', sent: 1, failed: 0, bytes: 4_194_304 }],
    });
  });

  it('reads logs without ids of runs, as older versions wrote them: a killed run, then the next one', async () => {
    const old = { type: 'log', version: '0.0.9', node: 'v20.0.0', platform: 'win32 x64' };
    const path = await logOf(
      line(0, old),
      line(1, START),
      line(2, PUT),
      line(60, old),
      line(61, START),
      line(62, ERROR),
    );
    const { runs } = await readLog(path);
    expect(runs.map(({ outcome }) => outcome?.is)).toEqual([undefined, 'error']);
    expect(runs[0]?.program).toEqual({
      version: '0.0.9',
      node: 'v20.0.0',
      platform: 'win32 x64',
      command: undefined,
      options: undefined,
    });
    expect(runs[1]?.outcome).toMatchObject({ code: 'SERVICE', exitCode: 9, nextStep: 'Run it again.' });
  });

  it('keeps the runs apart that wrote at the same time', async () => {
    const other = { ...START, uploadId: 'other', url: 'https://a.b/c/other.vhd' };
    const path = await logOf(
      line(0, BEGIN, 'a'),
      line(1, BEGIN, 'b'),
      line(2, START, 'a'),
      line(3, other, 'b'),
      line(4, PUT, 'a'),
      line(5, PUT, 'b'),
      line(6, PUT, 'b'),
      line(7, RESULT, 'a'),
      line(8, ERROR, 'b'),
    );
    const { runs } = await readLog(path);
    expect(runs.map(({ start, requests, outcome }) => [start['uploadId'], requests[0]?.sent, outcome?.is])).toEqual([
      [START.uploadId, 1, 'result'],
      ['other', 2, 'error'],
    ]);
  });

  it('reads a log that was cut in a line at both ends', async () => {
    const whole = [line(1, START, 'a'), line(2, PUT, 'a'), line(3, PUT, 'a')].join('');
    const path = await logOf(whole.slice(40, -20));
    const { runs, unreadable, isCut } = await readLog(path);
    expect({ unreadable, isCut }).toEqual({ unreadable: 1, isCut: true });
    expect(runs).toMatchObject([{ isWhole: false, work: undefined, requests: [{ sent: 1 }], outcome: undefined }]);
  });

  it('reads every prefix of a log without failing, once it has a line', async () => {
    const whole = [line(0, BEGIN, 'a'), line(1, START, 'a'), line(2, PUT, 'a'), line(9, RESULT, 'a')].join('');
    const first = whole.indexOf('\n') + 1;
    for (let end = first; end <= whole.length; end += 7) {
      const { runs } = await readLog(await logOf(whole.slice(0, end)));
      expect(runs).toHaveLength(1);
      expect(runs[0]?.outcome === undefined).toBe(end < whole.length);
    }
  });

  it('stops at the length that is asked for', async () => {
    const path = await logOf(line(0, BEGIN, 'a'), line(1, START, 'a'));
    const end = line(0, BEGIN, 'a').length + line(1, START, 'a').length;
    await appendFile(path, line(2, BEGIN, 'b') + line(3, START, 'b'));
    expect((await readLog(path, end)).runs).toHaveLength(1);
    expect((await readLog(path)).runs).toHaveLength(2);
  });

  it('is not misled by fields of other types, or by unknown events', async () => {
    const odd = [
      { type: 'start', diskSize: '7', url: 7, files: 'none', uploadId: null },
      { type: 'map', size: 1e18, cellSize: 1, moved: [-1, 'x'] },
      { type: 'map', size: 100, cellSize: 1, moved: [1, 2, 3] },
      { type: 'request', what: 7, status: 'ok' },
      { type: 'request', what: 'Put Page 99999999999999999999+1', status: 201 },
      { type: 'retry' },
      { type: 'later-version', anything: {} },
      { type: 'concurrency', requests: -1 },
    ];
    const path = await logOf(
      line(0, BEGIN, 'a'),
      ...odd.map((object, index) => line(index, object, 'a')),
      '[]\n',
      '7\n',
    );
    const { runs, unreadable } = await readLog(path);
    expect(unreadable).toBe(2);
    expect(runs[0]).toMatchObject({ work: 'upload', files: [], map: undefined, faults: [{ kind: 'Other', count: 1 }] });
  });

  it.each([
    ['an image', `conectix${'\0'.repeat(2000)}`, 'it is not a vhdup log'],
    ['another log', 'Nov 30 08:00:00 host kernel: started\n'.repeat(20), 'it is not a vhdup log'],
  ])('refuses %s', async (_, content, reason) => {
    const error = await failureOf(readLog(await logOf(content)));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain(reason);
    expect(error.message).toContain('--log-file');
  });

  it('refuses a file that does not exist, and reads an empty one', async () => {
    const folder = await temporaryFolder();
    expect((await failureOf(readLog(join(folder, 'none')))).message).toContain('the file does not exist');
    expect(await readLog(await logOf())).toMatchObject({ runs: [], isCut: false });
  });
});
