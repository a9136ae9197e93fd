// Finds the next steps in a message, as a reader would: by the options that it names.
import type { Picker } from '../hostile/random.ts';

/** Options that a message may ask for, in addition to those of the user. */
export interface Extra {
  readonly restart?: boolean;
  readonly overwrite?: boolean;
  readonly resumeFromBlob?: boolean;
  readonly breakLease?: boolean;
  readonly verifyFull?: boolean;
  readonly withoutManifest?: boolean;
}

/** One of the next steps in a message. */
export type Advice =
  | { readonly kind: 'options'; readonly extra: Extra }
  | { readonly kind: 'new-checkpoint' }
  | { readonly kind: 'delete-checkpoint' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'same' };

type Pattern = readonly [RegExp, Advice];

const options = (extra: Extra): Advice => ({ kind: 'options', extra });

/** Each match is removed from the text before the next pattern is tried: `--restart --overwrite` is not `--restart`. */
const PATTERNS: readonly Pattern[] = [
  [/without --restart/g, options({ restart: false })],
  [/--overwrite without --resume-from-blob/g, options({ overwrite: true, resumeFromBlob: false })],
  [/--restart (?:and )?--overwrite|--restart[^.;]*, with --overwrite/g, options({ restart: true, overwrite: true })],
  [
    /--overwrite (?:and )?--break-lease|--break-lease (?:and )?--overwrite/g,
    options({ breakLease: true, overwrite: true }),
  ],
  [/(?:With|without) --verify \w+/g, { kind: 'same' }],
  [/--restart/g, options({ restart: true })],
  [/--overwrite/g, options({ overwrite: true })],
  [/--resume-from-blob/g, options({ resumeFromBlob: true })],
  [/--break-lease/g, options({ breakLease: true })],
  [/--verify full/g, options({ verifyFull: true })],
  [/leave --manifest out|omit --manifest|without --manifest/g, options({ withoutManifest: true })],
  [/--checkpoint to |(?:name|keep)[^.;,]* with --checkpoint/gi, { kind: 'new-checkpoint' }],
  [/[Dd]elete the checkpoint/g, { kind: 'delete-checkpoint' }],
  [/in (?:a|one|two) minutes?|Wait until/g, { kind: 'wait' }],
  [/same (?:command|upload) again/g, { kind: 'same' }],
];

/** All next steps in the message. */
export function adviceIn(message: string): Advice[] {
  let rest = message.replaceAll(/\s+/g, ' ');
  const found: Advice[] = [];
  for (const [pattern, advice] of PATTERNS) {
    if (rest.search(pattern) < 0) continue;
    found.push(advice);
    rest = rest.replaceAll(pattern, ' ');
  }
  return found;
}

/** Chooses one of the next steps at random. */
export function chooseAdvice(message: string, pick: Picker): Advice | undefined {
  const offered = adviceIn(message);
  return offered.length === 0 ? undefined : pick.of(offered);
}
