// The outcome of a report in one sentence.
import { PROOF_TEXTS } from '../../download/download-result.ts';
import { type DifferenceSummary, describeDifferences } from '../../verify/differences.ts';
import type { Outcome, ReportFacts, RunFacts, Work } from '../facts.ts';
import { type Fields, fieldsOf, flagIn, isFields, listIn, numberIn, textIn } from '../fields.ts';
import { bytesExactly, percent } from './words.ts';

/** `good`: verified. `open`: done, but not verified, or not known. `stopped`: can be resumed. `bad`: failed. */
export type Mood = 'good' | 'open' | 'stopped' | 'bad';

export interface Verdict {
  readonly mood: Mood;
  /** Two or three words. */
  readonly title: string;
  readonly sentence: string;
  /** How far an unfinished run came. */
  readonly reached?: string | undefined;
  readonly nextStep?: string | undefined;
}

const COMPARED: Readonly<Record<string, readonly [Mood, string, string]>> = {
  none: ['open', 'Uploaded, not verified', 'The image was uploaded. Nothing was compared at the end.'],
  ranges: [
    'good',
    'Uploaded and verified',
    'The service acknowledged every range with its checksum, and at the end the page list of the target matched what was sent.',
  ],
  unverified: [
    'good',
    'Uploaded and verified',
    'The page list of the target matched what was sent, and data that something else could have changed was read back and matched the image.',
  ],
  full: ['good', 'Uploaded and verified', 'Every page of the target was read back and matched the image.'],
};

const NOUNS: Readonly<Record<Work, string>> = { upload: 'upload', verify: 'verification', download: 'download' };
const INTERRUPTED = 'INTERRUPTED';

export function verdictOf(facts: ReportFacts): Verdict {
  const last = facts.runs.at(-1);
  if (last === undefined) return ofManifest(facts);
  if (last.outcome === undefined) return unfinished(last, facts);
  if (last.outcome.is === 'error') return failed(last, last.outcome, facts);
  const { result } = last.outcome;
  if (last.work === 'verify') return ofVerification(result, last);
  if (last.work === 'download') return ofDownload(result);
  return ofUpload(result, last);
}

function ofUpload(result: Fields, run: RunFacts): Verdict {
  if (flagIn(result, 'alreadyComplete') === true) {
    return {
      mood: 'open',
      title: 'Already complete',
      sentence: 'An earlier run of this upload had finished it. This run compared nothing.',
    };
  }
  const [mood, title, sentence] = COMPARED[textIn(result, 'verified') ?? ''] ?? [
    'open',
    'Uploaded',
    'What was compared at the end is not recorded.',
  ];
  return { mood, title, sentence: hasChecksums(run) ? sentence : sentence.replace(' with its checksum', '') };
}

/** Whether a checksum protected each request. */
function hasChecksums({ program, warnings }: RunFacts): boolean {
  return program?.options?.['checksum'] !== 'none' && !warnings.some(({ code }) => code === 'no-checksums');
}

function ofVerification(result: Fields, { program }: RunFacts): Verdict {
  const isFull = textIn(result, 'method') === 'full';
  const compared = isFull
    ? 'Every page of the target was read back and compared with the image.'
    : 'The page list and the footer of the target were compared with the image, without the content of the pages.';
  const ofManifest =
    program?.options?.['manifest'] === undefined
      ? ''
      : ' The image was also compared with the checksums in the manifest.';
  const how = `${compared}${ofManifest}`;
  if (flagIn(result, 'matches') === true) return { mood: 'good', title: 'The target matches the image', sentence: how };
  const differences = fieldsOf(result['differences']);
  const count = numberIn(differences, 'count') ?? 0;
  return {
    mood: 'bad',
    title: 'The target does not match the image',
    sentence: `${how} ${count === 1 ? '1 difference was' : `${count} differences were`} found: ${describeDifferences(summaryOf(differences))}.`,
    nextStep: 'Do not use the target. Upload the image again with --restart --overwrite.',
  };
}

/** The first differences in a result. */
export function summaryOf(differences: Fields): DifferenceSummary {
  const first = listIn(differences, 'first').filter(isFields);
  return {
    count: numberIn(differences, 'count') ?? 0,
    bytes: numberIn(differences, 'bytes') ?? 0,
    first: first.map((one) => ({
      // Only for printing: a later version may know other kinds.
      kind: (textIn(one, 'kind') ?? 'difference') as 'content',
      offset: numberIn(one, 'offset') ?? 0,
      length: numberIn(one, 'length') ?? 0,
    })),
  };
}

function ofDownload(result: Fields): Verdict {
  if (flagIn(result, 'alreadyComplete') === true) {
    return {
      mood: 'open',
      title: 'Already complete',
      sentence: 'An earlier run of this download had finished the file. This run compared nothing.',
    };
  }
  const proofs = proofTexts(result);
  const isProved = proofs.length > 0;
  return {
    mood: isProved ? 'good' : 'open',
    title: isProved ? 'Downloaded and verified' : 'Downloaded, not verified',
    sentence: isProved ? `The file is complete: ${proofs.join('; ')}.` : 'The file is complete. Nothing was compared.',
  };
}

/** What a download compared. A later version may know other proofs. */
export function proofTexts(result: Fields): string[] {
  const known: Readonly<Record<string, string>> = PROOF_TEXTS;
  return listIn(result, 'verified').map((proof) => known[String(proof)] ?? String(proof));
}

function failed(run: RunFacts, outcome: Extract<Outcome, { is: 'error' }>, facts: ReportFacts): Verdict {
  const noun = NOUNS[run.work ?? facts.work];
  const { code, message, nextStep } = outcome;
  const reached = reachedBy(run);
  if (code === INTERRUPTED) {
    return {
      mood: 'stopped',
      title: `The ${noun} was stopped`,
      sentence: message,
      reached,
      nextStep: nextStep ?? 'Run the same command again to resume.',
    };
  }
  return {
    mood: 'bad',
    title: `The ${noun} failed`,
    sentence: message,
    reached,
    nextStep,
  };
}

function unfinished(run: RunFacts, facts: ReportFacts): Verdict {
  const noun = NOUNS[run.work ?? facts.work];
  return {
    mood: 'stopped',
    title: `The ${noun} has not ended`,
    sentence: 'The record ends before the run: it was killed, is still running, or its log was cut.',
    reached: reachedBy(run),
    nextStep: 'Run the same command again to resume.',
  };
}

/** How far a run came. */
function reachedBy({ work, totals }: RunFacts): string | undefined {
  const [done, planned] = [numberIn(totals, 'done'), numberIn(totals, 'planned')];
  if (work === undefined || done === undefined || planned === undefined || planned === 0) return undefined;
  return `${percent(done, planned)} of the disk that can contain data was finished (${bytesExactly(done)} of ${bytesExactly(planned)}).`;
}

function ofManifest({ manifest }: ReportFacts): Verdict {
  return manifest?.end === undefined
    ? {
        mood: 'stopped',
        title: 'The upload was not completed',
        sentence: 'The last line of the manifest is missing: when it was written, the upload was not complete.',
        nextStep: 'Run the same upload again, with the same manifest.',
      }
    : {
        mood: 'open',
        title: 'Upload recorded as complete',
        sentence:
          'The manifest records a complete upload, range by range with checksums. What was compared at the end is not in a manifest. To prove the target now, use the commands under Verify again.',
      };
}
