// Reports made from events, without an upload; and what tests look for in a page.
import { HtmlValidate } from 'html-validate';
import { expect } from 'vitest';
import type { ManifestFacts, ReportFacts, RunFacts } from '../../src/report/facts.ts';
import { reportPage } from '../../src/report/page/page.ts';
import { RunRecorder } from '../../src/report/run-recorder.ts';

export const MIB = 1024 * 1024;
export const DISK_SIZE = 64 * MIB;
const URL = 'https://account.blob.core.windows.net/vhds/disk.vhd';
export const START_TIME = Date.UTC(2026, 10, 30, 8, 0, 0);

export const PROGRAM = {
  version: '0.1.0',
  node: 'v22.1.0',
  platform: 'linux x64',
  command: 'upload',
  options: { checksum: 'md5' },
} as const;

export const START = {
  type: 'start',
  image: '/images/disk.vhdx',
  format: 'vhdx-dynamic',
  files: [{ name: 'disk.vhdx', size: 12 * MIB, modifiedMs: START_TIME - 1000, diskId: 'ab'.repeat(16) }],
  diskSize: DISK_SIZE,
  url: URL,
  blobSize: DISK_SIZE + 512,
  uploadId: '0f0e0d0c-0000-4000-8000-000000000001',
  checkpoint: '/images/disk.vhdx.vhdup.json',
  threads: 'auto',
  maxWindows: 12,
} as const;

export const RESULT = {
  type: 'result',
  url: URL,
  uploadId: START.uploadId,
  diskSize: DISK_SIZE,
  blobSize: DISK_SIZE + 512,
  planned: 16 * MIB,
  done: 16 * MIB,
  read: 12 * MIB,
  sent: 9 * MIB + 512,
  sentBefore: 0,
  unallocated: 52 * MIB,
  zeros: 3 * MIB,
  requests: 8,
  retries: 0,
  checksumMismatches: 0,
  durationMs: 4000,
  bytesPerSecond: 2.25 * MIB,
  verified: 'ranges',
  alreadyComplete: false,
} as const;

/** @param events - Each a second after the one before. */
export function recordRun(events: readonly object[], program: typeof PROGRAM | undefined = PROGRAM): RunFacts {
  const recorder = new RunRecorder(program);
  for (const [index, event] of events.entries()) recorder.add(event, START_TIME + index * 1000);
  return recorder.facts;
}

export function reportOf(more: Partial<ReportFacts> = {}): ReportFacts {
  return {
    createdAt: START_TIME + 3_600_000,
    version: '0.1.0',
    work: 'upload',
    runs: [recordRun([START, RESULT])],
    manifest: undefined,
    sources: ['this run'],
    notes: [],
    ...more,
  };
}

export function manifestFacts(more: Partial<ManifestFacts> = {}): ManifestFacts {
  return {
    path: 'disk.manifest',
    header: {
      uploadId: START.uploadId,
      startedAt: new Date(START_TIME).toISOString(),
      image: START.files,
      diskSize: DISK_SIZE,
      trustUnmarkedSectors: false,
      blobUrl: URL,
      blobSize: DISK_SIZE + 512,
      checksum: 'crc64',
    },
    end: {
      footer: { offset: DISK_SIZE, length: 512, checksum: '00'.repeat(8) },
      bytes: MIB + 512,
      pages: '1'.repeat(16),
    },
    sha256: 'c'.repeat(64),
    length: 400,
    windows: 1,
    ranges: 1,
    windowBytes: 4 * MIB,
    sent: MIB,
    map: {
      size: DISK_SIZE,
      cellSize: 4 * MIB,
      moved: [MIB, ...zeros(15)],
      read: [4 * MIB, ...zeros(15)],
      before: [],
      kept: [],
    },
    ...more,
  };
}

export function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** The texts of the page, without its tags and its style. */
export function textOf(page: string): string {
  return page
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/<\/?(?:code|small|bdi|time|span|strong)\b[^>]*>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ');
}

/** All elements and attributes of a report. None of them runs or loads anything. */
const TAGS =
  '!doctype html head meta title style body header main section div h1 h2 h3 p dl dt dd ul li table caption thead tbody tr th td figure figcaption svg desc path rect circle pre code small strong time bdi span'.split(
    ' ',
  );
const ATTRIBUTES =
  'lang data-vhdup-report charset http-equiv content name class id aria-labelledby aria-hidden aria-label role tabindex scope datetime viewBox preserveAspectRatio d x y width height cx cy r'.split(
    ' ',
  );

const validator = new HtmlValidate({
  extends: ['html-validate:standard', 'html-validate:a11y'],
  rules: {
    // The doctype is spelled as the standard spells it, and long titles are not an error.
    'doctype-style': 'off',
    'long-title': 'off',
    'no-trailing-whitespace': 'off',
    // Regions that scroll can be focused: https://www.w3.org/WAI/standards-guidelines/act/rules/0ssw9k/
    'no-redundant-role': 'off',
  },
});

/** Expects a page that is valid, closed to the outside, and without anything that runs. */
export async function expectGoodPage(page: string): Promise<void> {
  const { results } = await validator.validateString(page);
  expect(
    results.flatMap(({ messages }) => messages.map(({ line, ruleId, message }) => `${line} ${ruleId}: ${message}`)),
  ).toEqual([]);
  expect(page).toContain(
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`,
  );
  for (const [, tag = '', attributes = ''] of page
    .slice(page.indexOf('\n'))
    .matchAll(/<([!/]?[a-z]+)((?:\s[^>"]*(?:"[^"]*")?)*)>/gi)) {
    expect(TAGS).toContain(tag.toLowerCase().replace('/', ''));
    for (const [, name] of attributes.replace(/"[^"]*"/g, '""').matchAll(/\s([a-z-]+)(?==|$)/gi))
      expect(ATTRIBUTES).toContain(name);
  }
  expect(page.slice(page.indexOf('<style>'), page.indexOf('</style>'))).not.toMatch(/url\(|@import|expression/i);
  expect(page).not.toContain('undefined');
  expect(page).not.toContain('NaN');
  expect(page).not.toContain('[object');
  expect(Buffer.byteLength(page)).toBeLessThan(200 * 1024);
}

export function pageOf(more: Partial<ReportFacts> = {}): string {
  return reportPage(reportOf(more));
}
