// The image and the target of a report.
import { formatName } from '../../image/format-name.ts';
import type { ManifestFacts, Program, ReportFacts, RunFacts } from '../facts.ts';
import { type Fields, numberIn, textIn } from '../fields.ts';
import { type Html, html, type Part } from './html.ts';
import { facts, section, table } from './parts.ts';
import { bytes, code, name, number, shownUrl, time } from './words.ts';

/** The start of a run that has one; the newest first. */
export function startOf({ runs }: ReportFacts): RunFacts | undefined {
  return runs.findLast(({ start }) => textIn(start, 'type') !== undefined);
}

/** The result of the newest run of this kind that has one. */
export function resultOf({ runs, work }: Pick<ReportFacts, 'runs' | 'work'>): Fields | undefined {
  const found = runs.findLast((run) => run.work === work && run.outcome?.is === 'result')?.outcome;
  return found?.is === 'result' ? found.result : undefined;
}

/** The program of the newest run of this kind: a run that failed early knows only its command line. */
export function givenTo({ runs, work }: ReportFacts): Program | undefined {
  return runs.findLast((run) => run.work === work && run.program !== undefined)?.program;
}

/** "disk.vhdx" */
export function subjectName(report: ReportFacts): string | undefined {
  const start = startOf(report)?.start ?? {};
  const path = textIn(start, report.work === 'download' ? 'output' : 'image') ?? givenTo(report)?.file;
  return path?.split(/[\\/]/).at(-1) ?? report.manifest?.header.image[0]?.name;
}

export function subjectSection(report: ReportFacts): Html {
  const { work } = report;
  return section(
    'subject',
    work === 'download' ? 'Source and file' : 'Image and target',
    html`<div class="columns">`,
    work === 'download' ? target(report) : image(report),
    work === 'download' ? file(report) : target(report),
    html`</div>`,
    work === 'download' ? undefined : chain(report),
  );
}

function image(report: ReportFacts): Html {
  const { manifest } = report;
  const start = startOf(report)?.start ?? {};
  const [first] = filesOf(report);
  const format = textIn(start, 'format');
  const path = textIn(start, 'image') ?? givenTo(report)?.file;
  return html`<div><h3>Image</h3>${facts([
    path === undefined ? ['Name', name(manifest?.header.image[0]?.name)] : ['Path', name(path)],
    ['Format', format === undefined ? code(undefined) : nameOfFormat(format)],
    ['Disk size', bytes(numberIn(start, 'diskSize') ?? manifest?.header.diskSize)],
    ['File size', bytes(first?.size)],
    ['Modified', time(first?.modifiedMs)],
    ['Unique id', code(first?.diskId)],
  ])}</div>`;
}

function target(report: ReportFacts): Html {
  const { manifest, runs } = report;
  const start = startOf(report)?.start ?? {};
  const result = resultOf({ runs, work: 'upload' });
  const url = textIn(start, 'url') ?? manifest?.header.blobUrl ?? givenTo(report)?.target;
  // What a run that did not finish last saw of the blob is not how it left it.
  const blob = runs.at(-1)?.outcome?.is === 'result' ? runs.at(-1)?.blob : undefined;
  const uploadId = uploadIdOf(report);
  const diskId = url === undefined ? undefined : diskIdIn(url);
  return html`<div><h3>${diskId === undefined ? 'Blob' : 'Managed disk'}</h3>${facts([
    ['URL', url === undefined ? code(undefined) : name(shownUrl(url))],
    ['Disk', diskId === undefined ? undefined : name(diskId.split('/').at(-1))],
    ['Length', bytes(numberIn(start, 'blobSize') ?? manifest?.header.blobSize)],
    ['ETag', diskId === undefined ? code(blob?.etag) : undefined],
    [
      'Last modified',
      diskId === undefined
        ? time(blob?.lastModified === undefined ? undefined : Date.parse(blob.lastModified))
        : undefined,
    ],
    ['Content-MD5', contentMd5(report, result)],
    ['Upload id', report.work === 'upload' || uploadId !== undefined ? code(uploadId) : undefined],
  ])}</div>`;
}

/** The resource id of a managed disk, if that is what the URL names. */
export function diskIdIn(url: string): string | undefined {
  return /\/subscriptions\/[^?#]+\/disks\/[^/?#]+$/i.exec(url)?.[0];
}

/** A download has none of its own. */
export function uploadIdOf({ runs, manifest }: ReportFacts): string | undefined {
  const ofRun = runs.map(({ start }) => textIn(start, 'uploadId')).find((id) => id !== undefined);
  return ofRun ?? manifest?.header.uploadId;
}

function contentMd5({ work }: ReportFacts, result: Fields | undefined): Part {
  const md5 = result && textIn(result, 'contentMd5');
  if (md5 !== undefined) return code(md5);
  return work === 'upload' && result !== undefined ? 'not set (--content-md5 sets it)' : undefined;
}

function file(report: ReportFacts): Html {
  const start = startOf(report)?.start ?? {};
  const result = resultOf(report) ?? {};
  return html`<div><h3>File</h3>${facts([
    ['Path', name(textIn(start, 'output') ?? givenTo(report)?.file)],
    ['Format', textIn(start, 'format') ?? code(undefined)],
    ['File size', bytes(numberIn(result, 'size'))],
    ['Disk size', bytes(numberIn(start, 'diskSize'))],
  ])}</div>`;
}

function filesOf(report: ReportFacts): ManifestFacts['header']['image'] {
  const ofRun = report.runs.findLast(({ files }) => files.length > 0)?.files;
  return ofRun ?? report.manifest?.header.image ?? [];
}

/** The parents of a differencing image. */
function chain(report: ReportFacts): Html | undefined {
  const files = filesOf(report);
  if (files.length < 2) return undefined;
  const columns = [{ name: 'File' }, { name: 'Bytes', isNumber: true }, { name: 'Modified' }, { name: 'Unique id' }];
  const rows = files.map((one) => [name(one.name), number(one.size), time(one.modifiedMs), code(one.diskId)]);
  return table('The chain of images: the image, then its parents', columns, rows);
}

function nameOfFormat(format: string): string {
  const known = [
    'vhd-fixed',
    'vhd-dynamic',
    'vhd-differencing',
    'vhdx-fixed',
    'vhdx-dynamic',
    'vhdx-differencing',
    'raw',
  ] as const;
  const found = known.find((one) => one === format);
  return found === undefined ? format : formatName(found);
}
