// The commands that prove the target again, and what the report was made with and from.
import { printable } from '../../base/printable.ts';
import { posixWord, powershellWord } from '../../base/shell-word.ts';
import type { ReportFacts } from '../facts.ts';
import { textIn } from '../fields.ts';
import { type Html, html } from './html.ts';
import { facts, paragraph, section, table } from './parts.ts';
import { diskIdIn, givenTo, startOf } from './subject.ts';
import { code, shownUrl, time } from './words.ts';

/** Options that change what the image reads as: a verification needs them too. */
const OF_IMAGE = ['format', 'parent-path', 'allow-network-parents', 'trust-unmarked-sectors'];

export function againSection(report: ReportFacts): Html | undefined {
  const { manifest } = report;
  const start = startOf(report)?.start ?? {};
  const url = textIn(start, 'url') ?? manifest?.header.blobUrl;
  const isDownload = report.work === 'download';
  const image = textIn(start, isDownload ? 'output' : 'image') ?? manifest?.header.image[0]?.name;
  if (url === undefined || image === undefined) return undefined;
  const disk = diskIdIn(url);
  // A manifest alone does not name the system. Only paths of Windows begin so.
  const isWindows = givenTo(report)?.platform?.startsWith('win32') ?? /^(?:[A-Za-z]:[\\/]|\\\\)/.test(image);
  const word = (text: string) => pasted(text, isWindows);
  const options = OF_IMAGE.flatMap((name) => {
    const value = isDownload ? undefined : givenTo(report)?.options?.[name];
    return value === undefined
      ? []
      : value === 'true'
        ? [`--${name}`]
        : value.split('\n').map((one) => `--${name} ${word(one)}`);
  });
  const target = disk === undefined ? word(shownUrl(url)) : `--disk ${word(disk)}`;
  const ofManifest = manifest === undefined ? [] : [`--manifest ${word(manifest.path)}`];
  const verify = ['vhdup verify', word(image), target, ...options];
  const commands = [
    [
      `Every byte of the target, compared with the ${isDownload ? 'file' : 'image'}:`,
      [...verify, '--full', ...ofManifest].join(' '),
    ],
    ['Only the page list and the footer, in seconds:', [...verify, ...ofManifest].join(' ')],
    ...(isDownload || disk !== undefined
      ? []
      : [
          [
            manifest === undefined
              ? 'Without the image, download the disk:'
              : 'Without the image, download the disk and compare it with the checksums of the upload:',
            ['vhdup download', target, 'copy.vhd', ...ofManifest].join(' '),
          ] as const,
        ]),
  ] as const;
  const hidden =
    image !== printable(image)
      ? ' The name of the image contains hidden characters, which are shown as \\u{...}: type it with the completion of your shell.'
      : '';
  return section(
    'again',
    'Verify again',
    paragraph(`Sign in with az login or Connect-AzAccount, or add --sas-file FILE with a SAS that can read.${hidden}`),
    commands.map(([what, command]) => html`<p class="what">${what}</p>\n<pre><code>${command}</code></pre>\n`),
  );
}

/** One word of a command, as the shells of the system take it. */
function pasted(text: string, isWindows: boolean): string {
  return isWindows ? powershellWord(printable(text)) : posixWord(printable(text));
}

/** Of the newest run of the work, not of the verifications after it. */
export function originSection(report: ReportFacts): Html {
  const program = givenTo(report);
  const api = report.runs.findLast(({ blob }) => blob.version !== undefined)?.blob.version;
  const options = Object.entries(program?.options ?? {});
  return section(
    'origin',
    'How it was made',
    facts([
      ['vhdup', program?.version ?? code(undefined)],
      ['Node.js', program?.node ?? code(undefined)],
      ['System', program?.platform ?? code(undefined)],
      ['Version of the REST API', api ?? code(undefined)],
      ['Report made', html`${time(report.createdAt)} by vhdup ${report.version}`],
      ['From', report.sources.join(', ')],
      [
        'Options',
        options.length > 0 ? undefined : program?.options === undefined ? code(undefined) : 'all at their defaults',
      ],
    ]),
    options.length === 0
      ? undefined
      : table(
          'Options that were given and can change the outcome',
          [{ name: 'Option' }, { name: 'Value' }],
          options.map(([name, value]) => [html`<code>--${name}</code>`, html`<bdi class="name">${value}</bdi>`]),
        ),
    report.notes.length === 0
      ? undefined
      : html`<h3>What the record lacks</h3><ul class="found">${report.notes.map((note) => html`<li>${note}</li>`)}</ul>`,
  );
}
