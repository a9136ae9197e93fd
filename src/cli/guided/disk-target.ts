// Step 2, for a new managed disk: subscription, resource group, name, region and kind.
import { basename } from 'node:path';
import { DISK_SKUS } from '../../azure/arm/disk-body.ts';
import { assertNewDiskName, assertResourceGroup, isGuid } from '../../azure/arm/resource-id.ts';
import { DestinationError, UsageError } from '../../errors.ts';
import { defaultSubscription } from '../../manage/directory.ts';
import { type DiskStatus, diskStatus } from '../../manage/disk-status.ts';
import { type GuideContext, type GuidedImage, type GuidedTarget, ofAnyImage, unlessGiven } from './context.ts';
import { chooseGroup, chooseInDirectory, chooseSubscription, directoryOptions } from './directory-choices.ts';

/** A resource group for the disk. */
export interface DiskPlace {
  readonly subscription: string;
  readonly resourceGroup: string;
  /** Region of the group, or the one used last. */
  readonly location?: string;
  /** Whether the location is not that of the group. */
  readonly isOwnLocation?: boolean;
}

/** @param start - @default asks. @returns undefined to go back. */
export async function askDiskTarget(
  image: GuidedImage,
  context: GuideContext,
  start?: DiskPlace,
): Promise<GuidedTarget | undefined> {
  const { dialogue, args } = context;
  const place = start ?? (await askPlace(context));
  if (place === undefined) return undefined;
  for (;;) {
    const name = await dialogue.ask('Name of the disk', {
      initial: diskNameOf(image.path),
      parse: (text) => {
        assertNewDiskName(text, 'The name of the disk');
        return text;
      },
    });
    if (name === undefined) return undefined;
    const existing = await decide(name, place, context);
    if (existing === 'back') return undefined;
    if (existing === 'name') continue;
    const { isNew } = existing;
    const location = isNew ? await askLocation(place, context) : undefined;
    const sku = isNew && args.sku === undefined ? await askSku(context) : undefined;
    const system = image.hasKnownSystem || args.osType !== undefined ? undefined : await askSystem(context);
    const { subscription, resourceGroup } = place;
    const words = [
      ...['--disk', name],
      ...unlessGiven(args.resourceGroup !== undefined, '-g', resourceGroup),
      ...unlessGiven(args.subscription !== undefined, '--subscription', subscription),
      ...(location === undefined ? [] : unlessGiven(args.location !== undefined, '-l', location)),
      ...(sku === undefined ? [] : ['--sku', sku]),
      ...(system === undefined ? [] : ['--os-type', system]),
      ...existing.words,
    ];
    const region = args.location ?? location ?? place.location;
    return {
      words,
      shownWords: words,
      title: `${isNew ? 'new managed disk' : 'managed disk'} ${name}, resource group ${resourceGroup}${region === undefined ? '' : `, ${region}`}`,
      access: 'Microsoft Entra',
      again: (other) => askDiskTarget(other, ofAnyImage(context), place),
      remembered: { kind: 'group', subscription, resourceGroup, ...(location === undefined ? {} : { location }) },
    };
  }
}

async function askPlace(context: GuideContext): Promise<DiskPlace | undefined> {
  const { args } = context;
  if (args.resourceGroup !== undefined) {
    const subscription = await knownSubscription(context);
    if (subscription !== undefined) return { subscription, resourceGroup: args.resourceGroup };
  }
  const chosen = await chooseInDirectory(context, async (directory): Promise<DiskPlace | undefined> => {
    const subscription = await chooseSubscription(directory, context);
    if (subscription === undefined) return undefined;
    if (args.resourceGroup !== undefined) return { subscription, resourceGroup: args.resourceGroup };
    const group = await chooseGroup(directory, subscription, context);
    return group === undefined ? undefined : { subscription, resourceGroup: group.name, location: group.location };
  });
  return chosen === 'typed' ? await askTyped(context) : chosen;
}

async function askTyped(context: GuideContext): Promise<DiskPlace | undefined> {
  const { args, dialogue } = context;
  const known = await knownSubscription(context);
  const subscription = await dialogue.ask('Id of the subscription', {
    ...(known === undefined ? {} : { initial: known }),
    parse: (text) => {
      if (!isGuid(text)) {
        throw new UsageError('The id of a subscription is a GUID. az account list --output table shows names and ids.');
      }
      return text.toLowerCase();
    },
  });
  if (subscription === undefined) return undefined;
  const resourceGroup =
    args.resourceGroup ??
    (await dialogue.ask('Name of the resource group', {
      parse: (text) => {
        assertResourceGroup(text, 'The name of the resource group');
        return text;
      },
    }));
  return resourceGroup === undefined ? undefined : { subscription, resourceGroup };
}

/** A wrong one is explained; then it is asked for. */
async function knownSubscription(context: GuideContext): Promise<string | undefined> {
  try {
    return await defaultSubscription(directoryOptions(context));
  } catch (error) {
    context.dialogue.explain(error);
    return undefined;
  }
}

/** "web-01" for "web 01.vhdx". */
function diskNameOf(path: string): string {
  const name = basename(path)
    .replace(/\.[^.]*$/, '')
    .replace(/[^\w-]+/g, '-')
    .replace(/^[-_]+|[-_]+$/g, '')
    .slice(0, 80);
  return name === '' ? 'disk' : name;
}

interface Decision {
  readonly isNew: boolean;
  /** Options that the disk needs. */
  readonly words: readonly string[];
}

const NEW: Decision = { isNew: true, words: [] };

/** Looks whether the disk exists, and asks what to do. @returns what is asked for again, if it is not decided. */
async function decide(
  name: string,
  { subscription, resourceGroup }: DiskPlace,
  context: GuideContext,
): Promise<Decision | 'name' | 'back'> {
  const { dialogue, args } = context;
  for (;;) {
    try {
      const found = await diskStatus({ ...directoryOptions(context), disk: name, subscription, resourceGroup });
      return await decideOf(found, context);
    } catch (error) {
      if (error instanceof DestinationError && error.reason === 'ResourceNotFound') return NEW;
      dialogue.explain(error);
    }
    const next = await dialogue.choose<Decision | 'again' | 'name' | 'back'>(
      'Next',
      [
        { label: 'try again', value: 'again' },
        { label: 'another name', value: 'name' },
        { label: 'another destination', value: 'back' },
        // Whoever may create disks may not be allowed to read this one.
        ...(args.overwrite ? [] : [{ label: 'continue without looking at it', value: NEW }]),
      ],
      0,
    );
    if (next !== 'again') return next ?? 'back';
  }
}

async function decideOf(
  { state, description, uploadId }: DiskStatus,
  { args, dialogue }: GuideContext,
): Promise<Decision | 'name' | 'back'> {
  dialogue.say(`The disk exists${state === undefined ? '' : ` in the state ${state}`}: ${description}.`);
  if (state !== 'ReadyToUpload' && state !== 'ActiveUpload') {
    dialogue.say('Only a new disk accepts an upload.');
    return 'name';
  }
  const isByVhdup = uploadId !== undefined;
  const chosen = await dialogue.choose<Decision | 'name' | 'back'>(
    'What to do',
    [
      { label: 'use another name', value: 'name' },
      ...(isByVhdup
        ? [
            {
              label: 'resume that upload, if it is of this image (--resume-from-blob)',
              value: { isNew: false, words: unlessGiven(args.resumeFromBlob, '--resume-from-blob') },
            },
          ]
        : []),
      {
        label: 'send everything again into this disk (--overwrite)',
        value: { isNew: false, words: unlessGiven(args.overwrite, '--overwrite') },
      },
    ],
    0,
  );
  return chosen ?? 'back';
}

/** @returns undefined for the region of the group. */
async function askLocation(place: DiskPlace, { args, dialogue }: GuideContext): Promise<string | undefined> {
  if (args.location !== undefined) return undefined;
  const { location, isOwnLocation } = place;
  const ofGroup = 'that of the resource group';
  const answer = await dialogue.ask('Region', {
    initial: location ?? ofGroup,
    parse: (text) => {
      if (text === ofGroup || /^[\w ]{2,60}$/.test(text)) return text;
      throw new UsageError(
        'A region has a name such as westeurope. az account list-locations --output table shows all.',
      );
    },
  });
  return answer === ofGroup || (answer === location && isOwnLocation !== true) ? undefined : answer;
}

async function askSku({ dialogue }: GuideContext): Promise<string | undefined> {
  const [usual, ...others] = DISK_SKUS;
  const choices = [usual, ...others].map((sku) => ({ label: sku, value: sku }));
  const chosen = await dialogue.choose('Kind of the disk', choices, 0);
  return chosen === usual ? undefined : chosen;
}

async function askSystem({ dialogue }: GuideContext): Promise<string | undefined> {
  const labels = { windows: 'Windows', linux: 'Linux', none: 'none: a data disk' } as const;
  const choices = Object.entries(labels).map(([value, label]) => ({ label, value }));
  return await dialogue.choose('Operating system on it', choices, 2);
}
