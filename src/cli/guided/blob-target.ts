// Step 2, for a blob: its container and name, the access to it, and what to do if it exists.
import { basename } from 'node:path';
import { parseDestination } from '../../azure/destination.ts';
import { type DestinationLook, lookAtDestination } from '../../manage/look-at-destination.ts';
import { prepareNetwork } from '../network/prepare-network.ts';
import { formatBytes } from '../screens/units.ts';
import {
  askAccess,
  type BlobAccess,
  type BlobPlace,
  describeAccess,
  parsePlace,
  type RememberedAccess,
  serviceOptionsOf,
} from './blob-access.ts';
import { type GuideContext, type GuidedImage, type GuidedTarget, ofAnyImage, unlessGiven } from './context.ts';

export interface BlobStart {
  /** Of a container or a blob. */
  readonly url: string;
  readonly access?: RememberedAccess | undefined;
  /** What the user gave for another image. */
  readonly given?: BlobAccess;
}

/** Options that the chosen blob needs, and what it is now. */
interface Decision {
  readonly words: readonly string[];
  readonly note: string;
}

/**
 * @param start - @default asks for the URL
 * @returns undefined to go back.
 */
export async function askBlobTarget(
  image: GuidedImage,
  context: GuideContext,
  start?: BlobStart,
): Promise<GuidedTarget | undefined> {
  const place = start === undefined ? await askPlace(context) : parsePlace(start.url, context);
  if (place === undefined) return undefined;
  const isContainer = place.address.blobName === '';
  let access = start?.given;
  for (;;) {
    const url = isContainer ? await askName(place, image, context) : place.address.url;
    if (url === undefined) return undefined;
    access ??= await askAccess(place, start?.access, context);
    if (access === undefined) return undefined;
    const outcome = await decide(url, access, { context, mayRename: isContainer });
    if (outcome === 'access') {
      const other = await askAccess({ ...place, sas: undefined }, start?.access, context);
      if (other === undefined) return undefined;
      access = other;
    } else if (outcome === 'back') return undefined;
    else if (outcome !== 'name') return targetOf(url, place, access, outcome, context);
  }
}

async function askPlace(context: GuideContext): Promise<BlobPlace | undefined> {
  return await context.dialogue.askUrl('URL of the container or blob (a SAS in it is not shown)', {
    parse: (text) => parsePlace(text, context),
  });
}

/** @returns the URL of the blob; undefined to go back. */
async function askName(
  { address }: BlobPlace,
  { path }: GuidedImage,
  { dialogue }: GuideContext,
): Promise<string | undefined> {
  for (;;) {
    const url = await dialogue.ask(`Name of the blob in ${address.containerName}`, {
      initial: blobNameOf(path),
      parse: (name) => {
        const encoded = name.split('/').map(encodeURIComponent).join('/');
        return parseDestination(`${address.containerUrl}/${encoded}`, endpointIn(address.containerUrl)).address.url;
      },
    });
    if (url === undefined || /\.vhd$/i.test(url)) return url;
    if (await dialogue.confirm('Azure makes disks only of blobs whose names end in .vhd. Use this name?', false))
      return url;
  }
}

function endpointIn(containerUrl: string): string {
  return containerUrl.slice(0, containerUrl.lastIndexOf('/'));
}

/** "web01.vhd" for web01.vhdx. */
function blobNameOf(path: string): string {
  return `${basename(path).replace(/\.[^.]*$/, '')}.vhd`;
}

interface Deciding {
  readonly context: GuideContext;
  /** Whether another name can be asked for. */
  readonly mayRename: boolean;
}

/** Looks at the blob, and asks what to do. @returns what is asked for again, if it is not decided. */
async function decide(
  url: string,
  access: BlobAccess,
  deciding: Deciding,
): Promise<Decision | 'name' | 'access' | 'back'> {
  const { context } = deciding;
  const { dialogue, environment, onEvent, unfinished } = context;
  const options = serviceOptionsOf(url, access, context);
  if (options === undefined) return { words: [], note: '' };
  for (;;) {
    try {
      dialogue.say(`Looking at ${url} ...`);
      await prepareNetwork(environment, onEvent);
      const look = await lookAtDestination({ ...options, signal: dialogue.signal, onEvent });
      if (look.url === unfinished?.url) return { words: [], note: unfinished.note };
      return await decideOf(look, deciding);
    } catch (error) {
      dialogue.explain(error);
    }
    const next = await dialogue.choose(
      'Next',
      [
        { label: 'try again', value: 'again' as const },
        { label: 'another access', value: 'access' as const },
        ...(deciding.mayRename ? [{ label: 'another name', value: 'name' as const }] : []),
        { label: 'another destination', value: 'back' as const },
      ],
      0,
    );
    if (next !== 'again') return next ?? 'back';
  }
}

async function decideOf(look: DestinationLook, { context, mayRename }: Deciding): Promise<Decision | 'name' | 'back'> {
  const { dialogue, args } = context;
  if (look.is === 'unseen') return { words: [], note: 'not looked at' };
  if (look.is === 'free') {
    if (look.container !== 'absent') return { words: [], note: 'new' };
    if (!args.createContainer && !(await dialogue.confirm('The container does not exist. Create it?', true)))
      return 'back';
    return { words: unlessGiven(args.createContainer, '--create-container'), note: 'new, in a new container' };
  }
  dialogue.say(`The blob exists: ${describeBlob(look)}.`);
  const elsewhere = mayRename
    ? { label: 'use another name', value: 'name' as const }
    : { label: 'use another destination', value: 'back' as const };
  const resume = { words: unlessGiven(args.resumeFromBlob, '--resume-from-blob'), note: 'to be resumed' };
  const replace = { words: unlessGiven(args.overwrite, '--overwrite'), note: 'to be replaced' };
  const chosen = await dialogue.choose<Decision | 'name' | 'back'>(
    'What to do',
    [
      elsewhere,
      ...(look.state === 'unfinished' && look.type === 'PageBlob'
        ? [{ label: 'resume that upload, if it is of this image (--resume-from-blob)', value: resume }]
        : []),
      ...(look.type === 'PageBlob' ? [{ label: 'replace it (--overwrite)', value: replace }] : []),
    ],
    0,
  );
  return chosen ?? 'back';
}

const STATES = {
  unfinished: 'an unfinished upload by vhdup',
  complete: 'a complete upload by vhdup',
  failed: 'a failed upload by vhdup',
  other: 'a page blob',
} as const;

function describeBlob({ type, size, state, otherUploader }: Extract<DestinationLook, { is: 'blob' }>): string {
  if (type !== 'PageBlob') return `a ${type === 'BlockBlob' ? 'block' : 'append'} blob, which cannot hold a disk`;
  const what = otherUploader === undefined ? STATES[state] : `an unfinished upload by ${otherUploader}`;
  return `${what}, ${formatBytes(size)}`;
}

function targetOf(
  url: string,
  { address }: BlobPlace,
  access: BlobAccess,
  { words, note }: Decision,
  context: GuideContext,
): GuidedTarget {
  const hasSas = access.kind === 'sas';
  const isDisk = address.isDisk === true;
  const isContainer = address.blobName === '';
  const remembered = {
    kind: 'container' as const,
    url: address.containerUrl,
    access: hasSas ? ('sas' as const) : ('environment' as const),
  };
  return {
    words: [hasSas ? `${url}?${access.sas}` : url, ...words],
    shownWords: [url, ...(hasSas ? ['--sas-file', '-'] : []), ...words],
    title: `${url}${note === '' ? '' : ` (${note})`}`,
    access: describeAccess(access),
    url,
    // The URL of a managed disk is of no use for another one.
    ...(isDisk ? {} : { remembered }),
    ...(isContainer
      ? { again: (other) => askBlobTarget(other, ofAnyImage(context), { url: address.containerUrl, given: access }) }
      : {}),
  };
}
