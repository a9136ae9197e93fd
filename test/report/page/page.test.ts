import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReportFacts } from '../../../src/report/facts.ts';
import { reportPage } from '../../../src/report/page/page.ts';
import { RunRecorder } from '../../../src/report/run-recorder.ts';
import {
  DISK_SIZE,
  expectGoodPage,
  MIB,
  manifestFacts,
  PROGRAM,
  pageOf,
  RESULT,
  recordRun,
  reportOf,
  START,
  START_TIME,
  textOf,
  zeros,
} from '../../support/report-facts.ts';

const ERROR = {
  type: 'error',
  code: 'SERVICE',
  exitCode: 9,
  message: 'Gave up Put Page 0+512.',
  nextStep: 'Run it again.',
};
const VERIFY = { ...START, type: 'start-verify', method: 'full' };
const VERIFIED = {
  type: 'result',
  method: 'full',
  matches: true,
  differences: { count: 0, bytes: 0, first: [] },
  read: 7,
  readBack: 9,
  readBackBefore: 0,
  notCompared: 0,
};
const DIFFERENT = {
  ...VERIFIED,
  matches: false,
  differences: { count: 12, bytes: 6144, first: [{ kind: 'content', offset: 5 * MIB, length: 512 }] },
};
const MAP = {
  type: 'map',
  size: DISK_SIZE,
  cellSize: 4 * MIB,
  before: zeros(16),
  read: [4 * MIB, 2 * MIB, MIB, 4 * MIB, ...zeros(12)],
  moved: [4 * MIB, MIB, MIB / 2, 0, ...zeros(12)],
};
const RUN = [START, { type: 'phase', phase: 'sending' }, MAP];

/** What a report can be about, and what it must then say. */
const CASES: Readonly<Record<string, readonly [Partial<ReportFacts>, readonly string[]]>> = {
  'a verified upload': [
    { runs: [recordRun([...RUN, RESULT])] },
    [
      'Uploaded and verified',
      'the page list',
      '9,437,184 bytes',
      '54,525,952 bytes',
      'dynamic VHDX',
      '2026-11-30 08:00:00 UTC',
    ],
  ],
  'an upload of which nothing was compared': [
    { runs: [recordRun([...RUN, { ...RESULT, verified: 'none' }])] },
    ['Uploaded, not verified', 'Nothing was compared at the end.'],
  ],
  'an upload of a later version': [
    { runs: [recordRun([...RUN, { ...RESULT, verified: 'quantum' }])] },
    ['What was compared at the end is not recorded.'],
  ],
  'an upload without checksums': [
    { runs: [recordRun([...RUN, RESULT], { ...PROGRAM, options: { checksum: 'none' } } as never)] },
    ['The service acknowledged every range, and', 'without a checksum (--checksum none)'],
  ],
  'a resumed upload whose earlier runs are not known': [
    {
      runs: [
        recordRun([
          { ...START, resumedFrom: '2026-11-29T08:00:00.000Z' },
          { type: 'phase', phase: 'sending' },
          { ...MAP, before: [0, 0, 0, 0, 0, 0, 0, 0, 4 * MIB, ...zeros(7)] },
          { ...RESULT, sentBefore: MIB },
        ]),
      ],
    },
    ['finished by an earlier run', 'Finished before', '10,485,760 bytes'],
  ],
  'a failed upload': [
    { runs: [recordRun([...RUN, ERROR])] },
    ['The upload failed', 'Gave up Put Page 0+512.', 'Run it again.', 'SERVICE'],
  ],
  'a failure before the start': [
    { runs: [recordRun([{ ...ERROR, code: 'CREDENTIALS', exitCode: 8 }])] },
    ['Upload of a disk image', 'The upload failed', 'How much was sent and skipped is not recorded.'],
  ],
  'an interrupted upload': [
    {
      runs: [
        recordRun([
          ...RUN,
          { type: 'progress', done: MIB, planned: 4 * MIB, sent: MIB, unallocated: 60 * MIB },
          { ...ERROR, code: 'INTERRUPTED', exitCode: 130, message: 'Stopped by SIGINT.' },
        ]),
      ],
    },
    ['The upload was stopped', 'Stopped by SIGINT. 25.0 % of the disk that can contain data was finished'],
  ],
  'a killed upload': [
    { runs: [recordRun([START])] },
    ['The upload has not ended', 'killed, is still running, or its log was cut'],
  ],
  'a managed disk': [
    {
      runs: [
        recordRun([
          {
            ...START,
            url: 'https://management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/web01',
          },
          RESULT,
        ]),
      ],
    },
    ['Managed disk', 'web01', '--disk /subscriptions/s/'],
  ],
  'an upload with a base and free space': [
    {
      runs: [
        recordRun([
          {
            type: 'free-space',
            mode: 'all',
            bytes: 3 * MIB,
            volumes: [{ name: 'partition 1', type: 'ntfs', size: MIB, used: 0, free: MIB, pageFiles: 0 }],
            unread: [{ name: 'partition 2', reason: 'it is encrypted' }],
          },
          ...RUN.slice(0, 2),
          { ...MAP, kept: [0, 0, 0, MIB, ...zeros(12)] },
          { ...RESULT, copied: MIB, cleared: 512, freeSpace: { leftOut: 2 * MIB } },
        ]),
      ],
    },
    ['equal to the base', 'free space of the guest', 'it is encrypted', 'copied from the base', 'Bytes copied'],
  ],
  'a manifest alone': [
    { runs: [], manifest: manifestFacts() },
    [
      'Upload recorded as complete',
      'not recorded',
      'c'.repeat(64),
      '1,049,088 bytes',
      'CRC64',
      'vhdup verify disk.vhdx https://account.blob.core.windows.net/vhds/disk.vhd --full --manifest disk.manifest',
    ],
  ],
  'a manifest of an upload that was not completed': [
    { runs: [], manifest: manifestFacts({ end: undefined }) },
    ['The upload was not completed', 'not written yet'],
  ],
  'a verification': [
    { work: 'verify', runs: [recordRun([VERIFY, MAP, VERIFIED], { ...PROGRAM, command: 'verify' } as never)] },
    ['Verification of', 'The target matches the image'],
  ],
  'a verification with a manifest': [
    {
      work: 'verify',
      runs: [recordRun([VERIFY, VERIFIED], { ...PROGRAM, command: 'verify', options: { manifest: 'm' } } as never)],
    },
    ['The image was also compared with the checksums in the manifest.'],
  ],
  'a verification with differences': [
    { work: 'verify', runs: [recordRun([VERIFY, MAP, DIFFERENT], { ...PROGRAM, command: 'verify' } as never)] },
    [
      'The target does not match the image',
      '12 differences',
      'content at 5242880, 512 bytes',
      'and 11 more',
      'different',
    ],
  ],
  'an upload, verified later': [
    {
      runs: [
        recordRun([...RUN, RESULT]),
        recordRun([VERIFY, MAP, DIFFERENT], { ...PROGRAM, command: 'verify' } as never),
      ],
    },
    ['The target does not match the image', 'Verification of', 'the page list of the target with what was sent'],
  ],
  'a download': [
    {
      work: 'download',
      runs: [
        recordRun(
          [
            { ...START, type: 'start-download', output: 'C:\\vhds\\disk.vhd', format: 'vhd' },
            MAP,
            {
              type: 'result',
              verified: ['unchanged', 'content-md5'],
              received: 5 * MIB,
              receivedBefore: 0,
              written: 4 * MIB,
              size: DISK_SIZE + 512,
            },
          ],
          { ...PROGRAM, command: 'download' } as never,
        ),
      ],
    },
    ['Download to disk.vhd', 'Downloaded and verified', 'has the Content-MD5 of the blob'],
  ],
  'fifty runs': [
    { runs: Array.from({ length: 50 }, () => recordRun([...RUN, ERROR])) },
    ['The last 40 of 50 runs', '50. upload'],
  ],
  'notes and warnings': [
    {
      runs: [
        recordRun(
          [START, { type: 'warning', code: 'check-bootable', message: 'No boot code.' }, RESULT],
          undefined as never,
        ),
      ],
      notes: ['A note.'],
    },
    ['check-bootable', 'No boot code.', 'A note.'],
  ],
};

describe.each(Object.entries(CASES))('a report of %s', (_, [facts, expected]) => {
  it('is a valid page, closed to the outside, and says what happened', async () => {
    const page = pageOf(facts);
    await expectGoodPage(page);
    for (const text of expected) expect(textOf(page)).toContain(text);
  });
});

/** Every text of a report, replaced by `text`. */
function filledWith(text: string): string {
  const recorder = new RunRecorder({ ...PROGRAM, options: { format: text, base: text } });
  const events = [
    {
      ...START,
      image: text,
      url: text,
      files: [
        { ...START.files[0], name: text, diskId: text },
        { ...START.files[0], name: text },
      ],
    },
    { type: 'warning', code: text, message: text },
    { type: 'request', what: text, status: 200, etag: text, version: text },
    { type: 'retry', reason: text },
    { type: 'free-space', volumes: [{ name: text, type: text, reason: text }], unread: [{ name: text, reason: text }] },
    { ...ERROR, message: text, code: text, nextStep: text },
  ];
  for (const event of events) recorder.add(event, START_TIME);
  const header = {
    ...manifestFacts().header,
    image: [{ ...manifestFacts().header.image[0], name: text, size: 1, modifiedMs: 1, diskId: text }],
    blobUrl: text,
  };
  return reportPage(
    reportOf({
      runs: [recorder.facts],
      manifest: manifestFacts({ path: text, header }),
      sources: [text],
      notes: [text],
    }),
  );
}

describe('foreign texts', () => {
  it.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    '\'/*"/*<!--</title></style></textarea>',
    '\u202egnp.dhv',
    '\u78c1\u76d8 \u{1f4be} \u0642\u0631\u0635.vhd',
    'two\nlines\tand a tab',
    '',
    'x'.repeat(5000),
  ])('%j leave the page valid', async (text) => {
    await expectGoodPage(filledWith(text));
  });

  it('leave the structure of the page as it is, whatever they are', () => {
    const structure = (page: string) => [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '""'));
    const expected = structure(filledWith('name'));
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('<', '>', '"', "'", '&lt;', '-->', '\u2028'));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), (parts) => {
        // A path ends with a name, and an empty text is shown as not recorded.
        const found = structure(filledWith(`n${parts.join('')}`));
        expect(found.length).toBe(expected.length);
        expect(found).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('contain no query of a URL, but the time of a snapshot', () => {
    const secret = '?sv=2025&sig=c2VjcmV0c2VjcmV0c2VjcmV0&se=2027';
    expect(textOf(filledWith(`https://a.b/c/d.vhd${secret}`))).not.toContain('c2Vjcm');
    const page = pageOf({
      runs: [recordRun([{ ...START, url: 'https://a.b/c/d.vhd?snapshot=2026-11-30T08:00:00.0000000Z&sv=1' }, RESULT])],
    });
    expect(textOf(page)).toContain('https://a.b/c/d.vhd?snapshot=2026-11-30T08:00:00.0000000Z');
    expect(textOf(page)).not.toContain('sv=1');
  });
});

it('commands can be pasted, on both kinds of shells', () => {
  const commandOf = (image: string, platform: string) => {
    const runs = [recordRun([{ ...START, image }, RESULT], { ...PROGRAM, platform } as never)];
    return /<pre><code>(.*?)<\/code>/.exec(pageOf({ runs }))?.[1];
  };
  const target = 'https://account.blob.core.windows.net/vhds/disk.vhd --full';
  expect(commandOf("it's a disk.vhd", 'linux x64')).toBe(
    `vhdup verify &#39;it&#39;\\&#39;&#39;s a disk.vhd&#39; ${target}`,
  );
  expect(commandOf('C:\\my disks\\a.vhd', 'win32 x64')).toBe(`vhdup verify &quot;C:\\my disks\\a.vhd&quot; ${target}`);
  // PowerShell would run it in double quotes.
  expect(commandOf('C:\\a$(calc).vhd', 'win32 x64')).toBe(`vhdup verify &#39;C:\\a$(calc).vhd&#39; ${target}`);
});

it('stays small for the largest disk with the most runs, requests and volumes', async () => {
  const size = 64 * 1024 ** 4;
  const recorder = new RunRecorder(PROGRAM);
  recorder.add({ ...START, diskSize: size, blobSize: size + 512 }, START_TIME);
  for (let index = 0; index < 50_000; index++) {
    const offset = (index * 1_300_000_000) % size;
    recorder.add({ type: 'request', what: `Put Page ${offset}+4194304`, status: 201 }, START_TIME + index * 100_000);
    if (index % 10 === 0) recorder.add({ type: 'retry', reason: `E${index}` }, START_TIME + index * 100_000);
  }
  const volumes = Array.from({ length: 128 }, (_, index) => ({ name: `partition ${index}`, size: 2 ** 40 }));
  recorder.add({ type: 'free-space', volumes, unread: [] }, START_TIME);
  for (let index = 0; index < 50; index++)
    recorder.add({ type: 'warning', code: `code-${index}`, message: 'x'.repeat(300) }, START_TIME);
  const runs = [...Array.from({ length: 300 }, () => recordRun([START, ERROR])), recorder.facts];
  await expectGoodPage(pageOf({ runs }));
});
