// Step 2: where the image goes. An unfinished upload of it is offered first, then the destinations of earlier uploads.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { parseDestination } from '../../azure/destination.ts';
import { UsageError } from '../../errors.ts';
import { type UnfinishedUpload, unfinishedUploadOf } from '../../manage/unfinished.ts';
import { askBlobTarget } from './blob-target.ts';
import type { GuideContext, GuidedArguments, GuidedImage, GuidedTarget } from './context.ts';
import type { Choice } from './dialogue.ts';
import { chooseInDirectory, chooseSubscription } from './directory-choices.ts';
import { askDiskTarget } from './disk-target.ts';
import type { RecentDestination } from './recent-destinations.ts';

/** The others are remembered for when these are not used any more. */
const MOST_RECENT = 5;

/** Asks until there is a target. */
type Ask = () => Promise<GuidedTarget | undefined>;

export async function chooseDestination(image: GuidedImage, guide: GuideContext): Promise<GuidedTarget> {
  const { dialogue, args, recent, previous } = guide;
  const unfinished = args.restart ? undefined : await unfinishedUploadOf(image.path, args.checkpoint);
  const { usedBy, url } = unfinished?.facts ?? {};
  const note = unfinished?.facts.problem === undefined ? 'to be resumed' : 'to be started over';
  const context: GuideContext = { ...guide, ...(url === undefined ? {} : { unfinished: { url, note } }) };
  if (usedBy !== undefined) dialogue.say(`This image is being uploaded to ${shownTarget(url ?? '')}, by ${usedBy}.`);
  const { blob, disk, because } = guide.kinds;
  if (!image.fitsPageBlob) {
    const tooLarge = 'The disk is larger than a page blob can be: only a managed disk can hold it.';
    if (!disk) throw new UsageError(`${tooLarge} Leave out --${because}, which is for a blob.`);
    dialogue.say(tooLarge);
  } else if (because !== undefined) {
    dialogue.say(`--${because} is for a ${disk ? 'managed disk' : 'blob'}: nothing else is offered.`);
  }
  const explained = (error: unknown): undefined => {
    dialogue.explain(error);
  };
  for (;;) {
    const destinations = (await recent.list()).slice(0, MOST_RECENT);
    const { again, title } = previous ?? {};
    const choices: Choice<Ask>[] = [
      ...(unfinished === undefined || usedBy !== undefined ? [] : resumeChoice(unfinished, image, context)),
      ...(again === undefined ? [] : [{ label: `beside the image before: ${title}`, value: () => again(image) }]),
      ...destinations
        .filter((one) => (one.kind === 'group' ? disk && isAllowed(one, args) : blob && image.fitsPageBlob))
        .map((one) => recentChoice(one, image, context)),
      ...newChoices(image, context),
      ...(destinations.length === 0 ? [] : [{ label: 'forget these destinations', value: forgetting(context) }]),
    ];
    const ofUrl = (pasted: string) => () => askBlobTarget(image, context, { url: pasted }).catch(explained);
    const ask = await dialogue.choose('Your choice', choices, 0, blob && image.fitsPageBlob ? ofUrl : undefined);
    const target = await ask?.();
    if (target === undefined) continue;
    const kept = unfinished === undefined ? target : await besides(unfinished, target, image, context);
    if (kept !== undefined) return kept;
  }
}

/** Whether the options leave this place open: theirs counts in the command. */
function isAllowed(place: RecentDestination & { kind: 'group' }, args: GuidedArguments): boolean {
  const { resourceGroup = place.resourceGroup, subscription = place.subscription } = args;
  return (
    resourceGroup.toLowerCase() === place.resourceGroup.toLowerCase() &&
    subscription.toLowerCase() === place.subscription.toLowerCase()
  );
}

function resumeChoice({ facts, words }: UnfinishedUpload, image: GuidedImage, context: GuideContext): Choice<Ask>[] {
  const { url, done = 0, size, problem } = facts;
  const isDisk = words[0] === '--disk';
  if (url === undefined || !(isDisk ? context.kinds.disk : context.kinds.blob)) return [];
  const part = size === undefined || size === 0 ? '' : ` (${Math.floor((Math.min(done, size) / size) * 100)}% done)`;
  const what = problem === undefined ? `resume the upload${part}` : 'start the failed upload over (--restart)';
  const resumed = async (): Promise<GuidedTarget | undefined> => {
    if (!isDisk) return await askBlobTarget(image, context, { url });
    const own = words.slice(0, 2);
    return {
      words: own,
      shownWords: own,
      title: `${shownTarget(url)} (${context.unfinished?.note ?? ''})`,
      access: 'Microsoft Entra',
      url,
    };
  };
  return [{ label: `${what}, to ${shownTarget(url)}`, value: resumed }];
}

/** The URL of a managed disk in Azure Resource Manager is its id, of which the name is enough. */
function shownTarget(url: string): string {
  return url.includes('/subscriptions/') ? `the managed disk ${basename(url)}` : url;
}

function recentChoice(destination: RecentDestination, image: GuidedImage, context: GuideContext): Choice<Ask> {
  if (destination.kind === 'container') {
    const { url, access } = destination;
    return { label: `a blob in ${url}`, value: () => askBlobTarget(image, context, { url, access }) };
  }
  const { resourceGroup, location } = destination;
  const region = location === undefined ? '' : `, ${location}`;
  return {
    label: `a new managed disk in the resource group ${resourceGroup}${region}`,
    value: () => askDiskTarget(image, context, { ...destination, isOwnLocation: location !== undefined }),
  };
}

function newChoices(image: GuidedImage, context: GuideContext): Choice<Ask>[] {
  const disk = { label: 'a new managed disk', value: () => askDiskTarget(image, context) };
  const disks = context.kinds.disk ? [disk] : [];
  if (!image.fitsPageBlob || !context.kinds.blob) return disks;
  return [
    ...disks,
    { label: 'a blob, by its URL or that of its container', value: () => askBlobTarget(image, context) },
    { label: 'a blob, in a storage account of your sign-in', value: () => askInAccount(image, context) },
  ];
}

function forgetting({ recent, dialogue }: GuideContext): Ask {
  return async () => {
    await recent.forgetAll();
    dialogue.say('Forgotten.');
    return undefined;
  };
}

/** Storage account and container from lists. */
async function askInAccount(image: GuidedImage, context: GuideContext): Promise<GuidedTarget | undefined> {
  const { dialogue } = context;
  const url = await chooseInDirectory(context, async (directory) => {
    const subscription = await chooseSubscription(directory, context);
    if (subscription === undefined) return undefined;
    const accounts = await directory.storageAccounts(subscription);
    if (accounts.length === 0) dialogue.say('The subscription has no storage account that you can see.');
    const labelled = accounts.map((account) => ({ label: `${account.name} (${account.location})`, value: account }));
    const account =
      accounts.length === 0
        ? undefined
        : await dialogue.choose('Storage account', labelled, accounts.length === 1 ? 0 : undefined);
    if (account === undefined) return undefined;
    const containers = await directory.containers(account, subscription);
    const names = containers.map((name) => ({ label: name, value: name }));
    const container = await dialogue.choose('Container', [...names, { label: 'a new container', value: '' }], 0);
    if (container === undefined) return undefined;
    const name =
      container === ''
        ? await dialogue.ask('Name of the container', {
            initial: 'vhds',
            parse: (text) => containerNameIn(text, account.blobEndpoint),
          })
        : container;
    return name === undefined ? undefined : `${account.blobEndpoint}/${name}`;
  });
  if (url === undefined) return undefined;
  if (url === 'typed') return await askBlobTarget(image, context);
  return await askBlobTarget(image, context, { url, access: 'environment' });
}

/** @throws {UsageError} it is not the name of a container. */
function containerNameIn(text: string, endpoint: string): string {
  const url = `${endpoint}/${encodeURIComponent(text)}`;
  const { address } = parseDestination(url, endpoint, undefined, { mayBeContainer: true });
  if (address.blobName !== '') throw new UsageError('Type only the name of a container.');
  return text;
}

/** The checkpoint beside the image belongs to the unfinished upload. @returns undefined to go back. */
async function besides(
  { facts, words }: UnfinishedUpload,
  target: GuidedTarget,
  { path, words: ofImage }: GuidedImage,
  { dialogue, args }: GuideContext,
): Promise<GuidedTarget | undefined> {
  const { url, checkpoint, usedBy } = facts;
  if (target.url === url) return withWords(target, optionsOf(words, [...ofImage, ...target.words], args));
  const own = {
    label: 'it can still be resumed (this one gets a checkpoint of its own)',
    value: otherCheckpoint(path),
  };
  const restart = { label: `give up its progress in ${checkpoint} (--restart)`, value: ['--restart'] };
  const choices: Choice<readonly string[]>[] = [
    // Another checkpoint is given already.
    ...(args.checkpoint === undefined ? [own] : []),
    ...(usedBy === undefined ? [restart] : []),
  ];
  if (choices.length === 0) {
    dialogue.say(
      `The upload of this image that uses ${checkpoint} is still running, by ${usedBy}. Wait for its end, or start again with another file for --checkpoint.`,
    );
    return undefined;
  }
  const question = `An upload of this image to ${shownTarget(url ?? 'another destination')} is not finished. What should happen to it`;
  const more = await dialogue.choose(question, choices, 0);
  return more === undefined ? undefined : withWords(target, more);
}

/**
 * What resumes an upload besides its destination, without what the command line says already.
 * @param chosen - Words of the command that the questions have led to.
 */
function optionsOf(words: readonly string[], chosen: readonly string[], args: GuidedArguments): readonly string[] {
  const options = words.slice(words[0] === '--disk' ? 2 : 1);
  const isOption = (word: string | undefined) => word?.startsWith('--') === true;
  return options.filter((word, index) => {
    const option = isOption(word) ? word : options[index - 1];
    const [name = ''] = (option ?? '').split('=', 1);
    return !chosen.includes(name) && !isGiven(name, args);
  });
}

/** Whether it has another value than its default. @param option - "--parent-path" */
function isGiven(option: string, args: GuidedArguments): boolean {
  const name = option.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const value: unknown = Reflect.get(args, name);
  if (name === 'checksum') return value !== 'crc64';
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

function withWords(target: GuidedTarget, more: readonly string[]): GuidedTarget {
  return { ...target, words: [...target.words, ...more], shownWords: [...target.shownWords, ...more] };
}

/** The first name that is free. */
function otherCheckpoint(path: string): readonly string[] {
  for (let number = 2; ; number++) {
    const candidate = `${path}.${number}.vhdup.json`;
    if (!existsSync(candidate)) return ['--checkpoint', candidate];
  }
}
