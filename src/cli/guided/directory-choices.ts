// Choices from what a signed-in user can see in Azure Resource Manager.
import { CredentialError } from '../../errors.ts';
import { Directory, type ListedGroup } from '../../manage/directory.ts';
import type { ArmOptions } from '../../options.ts';
import { armOptions } from '../commands/arm-options.ts';
import { prepareNetwork } from '../network/prepare-network.ts';
import type { GuideContext } from './context.ts';

/** Nobody waits longer for an answer to a question, in milliseconds. */
const GIVE_UP_AFTER_MS = 30_000;

/** The options for requests that answer a question. */
export function directoryOptions({ args, environment, dialogue, onEvent }: GuideContext): ArmOptions {
  const { signal } = dialogue;
  return { ...armOptions(args, environment), giveUpAfterMs: GIVE_UP_AFTER_MS, signal, onEvent };
}

/**
 * Offers lists; if there are none, how to get them.
 * @returns `typed` if the user wants to type names instead; undefined to go back.
 */
export async function chooseInDirectory<Value>(
  context: GuideContext,
  choose: (directory: Directory) => Promise<Value | undefined>,
): Promise<Value | 'typed' | undefined> {
  const { dialogue, environment, onEvent } = context;
  for (;;) {
    const directory = new Directory(directoryOptions(context));
    try {
      dialogue.say('Asking Azure ...');
      await prepareNetwork(environment, onEvent);
      return await choose(directory);
    } catch (error) {
      dialogue.explain(error);
      const isSignIn = error instanceof CredentialError;
      const next = await dialogue.choose(
        'Next',
        [
          { label: isSignIn ? 'try again, after a sign-in in another window' : 'try again', value: 'again' as const },
          { label: 'type the names instead', value: 'typed' as const },
          { label: 'another destination', value: 'back' as const },
        ],
        0,
      );
      if (next !== 'again') return next === 'typed' ? next : undefined;
    } finally {
      await directory.close();
    }
  }
}

/** The only one is taken. @returns its id; undefined to go back. */
export async function chooseSubscription(
  directory: Directory,
  { args, dialogue }: GuideContext,
): Promise<string | undefined> {
  if (args.subscription !== undefined) return args.subscription;
  const found = await directory.subscriptions();
  const [only] = found;
  if (only === undefined) {
    dialogue.say(
      'The sign-in can see no subscription. Sign in to another tenant: az login --tenant TENANT, or Connect-AzAccount -Tenant TENANT.',
    );
    return undefined;
  }
  if (found.length === 1) {
    dialogue.say(`Subscription ${only.name} (${only.id})`);
    return only.id;
  }
  const choices = found.map(({ id, name, isDefault }) => ({
    label: `${name} (${id})${isDefault ? ', the default' : ''}`,
    value: id,
  }));
  return await dialogue.choose('Subscription', choices, only.isDefault ? 0 : undefined);
}

/** @returns undefined to go back. */
export async function chooseGroup(
  directory: Directory,
  subscription: string,
  { dialogue }: GuideContext,
): Promise<ListedGroup | undefined> {
  const found = await directory.resourceGroups(subscription);
  if (found.length === 0) {
    dialogue.say(
      'The subscription has no resource group that you can see. Create one: az group create --name GROUP --location REGION.',
    );
    return undefined;
  }
  const choices = found.map((group) => ({ label: `${group.name} (${group.location})`, value: group }));
  return await dialogue.choose('Resource group', choices, found.length === 1 ? 0 : undefined);
}
