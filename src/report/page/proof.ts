// What was compared, and the checksums that prove the data later.
import { type DifferenceSummary, describeDifference } from '../../verify/differences.ts';
import type { ReportFacts, RunFacts } from '../facts.ts';
import { fieldsOf, numberIn, textIn } from '../fields.ts';
import { type Html, html, type Part } from './html.ts';
import { facts, paragraph, section } from './parts.ts';
import { resultOf } from './subject.ts';
import { proofTexts, summaryOf } from './verdict.ts';
import { bytes, code, counted, grouped, number, time } from './words.ts';

const LEVELS: Readonly<Record<string, string>> = {
  none: 'nothing',
  ranges: 'the page list of the target with what was sent',
  unverified: 'the page list, and data that something else could have changed, read back',
  full: 'every page, read back and compared with the image',
};

export function proofSection(report: ReportFacts): Html {
  const upload = resultOf({ runs: report.runs, work: 'upload' });
  const level = upload && textIn(upload, 'verified');
  const verifications = report.runs.filter(({ work }) => work === 'verify');
  return section(
    'proof',
    'Verification and checksums',
    report.work === 'upload'
      ? facts([
          ['Compared at the end', level === undefined ? code(undefined) : (LEVELS[level] ?? level)],
          ['Read back', readBackOf(report)],
          ['Each request', hasSent(report) ? requestChecksum(report) : undefined],
        ])
      : undefined,
    ...verifications.map(verification),
    report.work === 'download' ? download(report) : undefined,
    checksums(report),
  );
}

function readBackOf({ runs }: ReportFacts): Part {
  const read = runs
    .filter(({ work }) => work === 'upload')
    .flatMap(({ requests }) => requests.filter(({ operation }) => operation === 'Get Blob'));
  const sum = read.reduce((total, { bytes: length }) => total + length, 0);
  return sum === 0 ? undefined : bytes(sum);
}

/** Whether anything was sent, as far as is known. A run that failed early has not got there. */
function hasSent({ runs, manifest }: ReportFacts): boolean {
  const sends = ({ outcome, requests }: RunFacts) =>
    outcome?.is !== 'error' || requests.some(({ operation }) => operation === 'Put Page');
  return manifest !== undefined || runs.some(sends);
}

function requestChecksum({ runs, manifest }: ReportFacts): Part {
  const options = runs.findLast(({ program }) => program?.options !== undefined)?.program?.options;
  const algorithm = manifest?.header.checksum ?? options?.['checksum'] ?? (options === undefined ? undefined : 'crc64');
  if (runs.some(({ warnings }) => warnings.some(({ code: warning }) => warning === 'no-checksums'))) {
    return 'without checksums: the target refuses them';
  }
  if (algorithm === undefined) return code(undefined);
  if (algorithm === 'none') return 'without a checksum (--checksum none)';
  return `carried a ${algorithm.toUpperCase()} of its data, which the service checked before it stored the data`;
}

function verification({ start, outcome, startedAt, endedAt }: RunFacts): Html {
  const isFull = textIn(start, 'method') === 'full';
  const how = isFull ? 'every page, read back' : 'the page list and the footer';
  const title = html`<h3>Verification of ${time(endedAt ?? startedAt)}</h3>`;
  if (outcome?.is !== 'result') {
    const why = outcome === undefined ? 'It has not ended, or its end was not recorded.' : outcome.message;
    return html`${title}${facts([
      ['Compared', how],
      ['Outcome', why],
    ])}`;
  }
  const { result } = outcome;
  const differences = summaryOf(fieldsOf(result['differences']));
  return html`${title}${facts([
    ['Compared', how],
    ['Outcome', result['matches'] === true ? 'The target matches the image.' : 'The target does not match the image.'],
    ['Differences', differences.count === 0 ? 'none' : listed(differences)],
    ['Read from the image', bytes(numberIn(result, 'read'))],
    [
      'Read back',
      isFull ? bytes((numberIn(result, 'readBack') ?? 0) + (numberIn(result, 'readBackBefore') ?? 0)) : undefined,
    ],
    ['Not compared', numberIn(result, 'notCompared') === 0 ? undefined : bytes(numberIn(result, 'notCompared'))],
  ])}`;
}

function listed({ count, bytes: length, first }: DifferenceSummary): Html {
  const more = count - first.length;
  const last = more > 0 ? html`<li>and ${grouped(more)} more</li>` : undefined;
  return html`${counted(count, 'difference')}, ${bytes(length)}
<ul class="found">${first.map((one) => html`<li>${describeDifference(one)}</li>`)}${last}</ul>`;
}

function download(report: ReportFacts): Html {
  const result = resultOf(report) ?? {};
  const proofs = proofTexts(result);
  return facts([
    ['Compared', proofs.length === 0 ? 'nothing' : proofs.join('; ')],
    ['Received', bytes(numberIn(result, 'received'))],
    ['Received before', bytes(numberIn(result, 'receivedBefore'))],
    ['Written', bytes(numberIn(result, 'written'))],
  ]);
}

/** What proves the data later. */
function checksums(report: ReportFacts): Html {
  const { manifest } = report;
  if (manifest === undefined) {
    if (report.work !== 'upload') return html``;
    const options = report.runs.findLast(({ program }) => program?.options !== undefined)?.program?.options;
    return paragraph(
      options === undefined || options['manifest'] !== undefined
        ? 'This report was made without the manifest of the upload, which has the checksum of each range.'
        : 'The upload wrote no manifest, so the checksums of its ranges were not kept. --manifest FILE keeps them.',
    );
  }
  const { header, end } = manifest;
  return html`<h3>Manifest</h3>${facts([
    ['File', html`<bdi class="name">${manifest.path}</bdi>`],
    ['SHA-256 of the file', code(manifest.sha256)],
    ['Length', bytes(manifest.length)],
    ['Started', time(Date.parse(header.startedAt))],
    [
      'Ranges',
      html`${number(manifest.ranges)} with a ${header.checksum.toUpperCase()} each, in ${counted(manifest.windows, 'window')} of 4 MiB`,
    ],
    [
      'Bytes with a checksum',
      end === undefined ? bytes(manifest.sent) : html`${bytes(end.bytes)}, the footer included`,
    ],
    [
      'Footer',
      end === undefined ? 'not written yet' : html`${header.checksum.toUpperCase()} ${code(end.footer.checksum)}`,
    ],
    ['Digest of the pages', code(end?.pages)],
    [
      'Free space left out',
      header.skipFree === undefined ? undefined : html`SHA-256 of the ranges ${code(header.skipFree.digest)}`,
    ],
  ])}`;
}
