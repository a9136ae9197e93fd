// The report as one HTML document: no script, and nothing from outside.

import type { ReportFacts } from '../facts.ts';
import { MARKER } from '../marker.ts';
import { againSection, originSection } from './again.ts';
import { diskSection } from './amounts.ts';
import { type Html, html, raw } from './html.ts';
import { proofSection } from './proof.ts';
import { runsSection, warningsSection } from './runs.ts';
import { STYLE } from './style.ts';
import { subjectName, subjectSection } from './subject.ts';
import { summary } from './summary.ts';
import { trafficSection } from './traffic.ts';
import { type Mood, type Verdict, verdictOf } from './verdict.ts';
import { name, time } from './words.ts';

const WORDS = { upload: 'Upload of', verify: 'Verification of', download: 'Download to' } as const;

export function reportPage(report: ReportFacts): string {
  const verdict = verdictOf(report);
  const subject = subjectName(report);
  const title = html`${WORDS[report.work]} ${subject ?? 'a disk image'}: ${verdict.title.toLowerCase()}`;
  const page = html`<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="generator" content="vhdup ${report.version}">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<p class="kind">vhdup report</p>
<h1>${WORDS[report.work]} ${subject === undefined ? 'a disk image' : name(subject)}</h1>
${banner(verdict, report)}
${summary(report)}
</header>
<main>
${subjectSection(report)}${report.work === 'verify' ? proofSection(report) : undefined}${diskSection(report)}${report.work === 'verify' ? undefined : proofSection(report)}${trafficSection(report)}${runsSection(report)}${warningsSection(report)}${againSection(report)}${originSection(report)}</main>
</body>
</html>
`;
  return `${MARKER}${page.text}`;
}

/** One path each, in a square of 24. */
const ICONS: Readonly<Record<Mood, string>> = {
  good: 'M5 12.5l4.5 4.5L19 7.5',
  open: 'M12 7v6M12 17v.01',
  stopped: 'M9 7v10M15 7v10',
  bad: 'M7 7l10 10M17 7L7 17',
};

function banner({ mood, title, sentence, reached, nextStep }: Verdict, { runs }: ReportFacts): Html {
  const ended = runs.at(-1)?.endedAt;
  return html`<div class="verdict ${mood}">
${raw(`<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="12"/><path d="${ICONS[mood]}"/></svg>`)}
<div>
<p class="outcome">${title}</p>
<p>${sentence}</p>
${reached === undefined ? undefined : html`<p>${reached}</p>\n`}${nextStep === undefined ? undefined : html`<p class="next"><strong>Next step:</strong> ${nextStep}</p>\n`}${ended === undefined ? undefined : html`<p class="when">Ended ${time(ended)}</p>\n`}</div>
</div>`;
}
