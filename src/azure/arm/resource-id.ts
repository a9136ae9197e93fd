// Names and ids of Azure resources, checked by structure before anything is sent.
// Sources: Microsoft.Compute in "Naming rules and restrictions for Azure resources"; REST, Disks, Create Or Update.
import { printable } from '../../base/printable.ts';
import { UsageError } from '../../errors.ts';

/** A resource of a subscription and a resource group. */
export interface ResourceId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Provider and types, without names: "Microsoft.Compute/galleries/images". */
  readonly type: string;
  /** One name for each type: ["gallery", "definition"]. */
  readonly names: readonly string[];
}

/** Where a name without an id belongs. */
export type ResourcePlace = Pick<ResourceId, 'subscriptionId' | 'resourceGroup'>;

interface NameRule {
  readonly pattern: RegExp;
  readonly rule: string;
}

const LETTERS_DIGITS = 'letters, digits, hyphens, underscores and periods';
/** Existing disks may have names with periods, which VMs and older tools create. */
const COMPUTE_NAME: NameRule = {
  pattern: /^[A-Za-z0-9_](?:[\w.-]{0,78}\w)?$/,
  rule: `1 to 80 ${LETTERS_DIGITS}, with no hyphen or period at either end`,
};
const GALLERY_NAME: NameRule = {
  pattern: /^[A-Za-z0-9](?:[\w.]{0,78}[A-Za-z0-9])?$/,
  rule: '1 to 80 letters, digits, underscores and periods, with a letter or digit at both ends',
};
const DEFINITION_NAME: NameRule = {
  pattern: /^[A-Za-z0-9](?:[\w.-]{0,78}[A-Za-z0-9])?$/,
  rule: `1 to 80 ${LETTERS_DIGITS}, with a letter or digit at both ends`,
};
const ACCOUNT_NAME: NameRule = { pattern: /^[a-z0-9]{3,24}$/, rule: '3 to 24 lower-case letters and digits' };
/** Three 32-bit integers. */
const VERSION_NAME: NameRule = {
  pattern: /^\d{1,9}\.\d{1,9}\.\d{1,9}$/,
  rule: 'three integers, such as 1.0.0',
};
const GROUP_NAME: NameRule = {
  pattern: /^[\p{L}\p{Nd}_().-]{0,89}[\p{L}\p{Nd}_()-]$/u,
  rule: '1 to 90 letters, digits, underscores, parentheses, hyphens and periods, and must not end with a period',
};

/** The types of resources that vhdup handles: what people call them, and the rule for the name at each level. */
const TYPES = {
  'Microsoft.Compute/disks': { title: 'disk', rules: [COMPUTE_NAME] },
  'Microsoft.Compute/snapshots': { title: 'snapshot', rules: [COMPUTE_NAME] },
  'Microsoft.Compute/images': { title: 'image', rules: [COMPUTE_NAME] },
  'Microsoft.Compute/diskAccesses': { title: 'disk access', rules: [COMPUTE_NAME] },
  'Microsoft.Compute/diskEncryptionSets': { title: 'disk encryption set', rules: [COMPUTE_NAME] },
  'Microsoft.Compute/galleries': { title: 'gallery', rules: [GALLERY_NAME] },
  'Microsoft.Compute/galleries/images': { title: 'image definition', rules: [GALLERY_NAME, DEFINITION_NAME] },
  'Microsoft.Compute/galleries/images/versions': {
    title: 'image version',
    rules: [GALLERY_NAME, DEFINITION_NAME, VERSION_NAME],
  },
  'Microsoft.Storage/storageAccounts': { title: 'storage account', rules: [ACCOUNT_NAME] },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly rules: readonly NameRule[] }>>;

export type ResourceType = keyof typeof TYPES;

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the form of a subscription id. */
export function isGuid(text: string): boolean {
  return GUID.test(text);
}

/** @throws {UsageError} not a valid name of a resource group. */
export function assertResourceGroup(name: string, option = '--resource-group'): void {
  assertName(name, GROUP_NAME, option);
}

/** @throws {UsageError} not a valid name for a new disk, which has stricter rules than existing disks. */
export function assertNewDiskName(name: string, option = '--disk'): void {
  const rule = '1 to 80 letters, digits, hyphens and underscores';
  assertName(name, { pattern: /^[A-Za-z0-9_-]{1,80}$/, rule }, option);
}

/**
 * @param names - One name for each level of the type.
 * @throws {UsageError} a name does not follow the rules of its type.
 */
export function resourceId(type: ResourceType, place: ResourcePlace, ...names: readonly string[]): ResourceId {
  assertResourceGroup(place.resourceGroup);
  if (!isGuid(place.subscriptionId)) {
    throw new UsageError(`The subscription must be a GUID, but is "${printable(place.subscriptionId)}".`);
  }
  assertNames(type, names, `The name of the ${TYPES[type].title}`);
  const { subscriptionId, resourceGroup } = place;
  return { subscriptionId: subscriptionId.toLowerCase(), resourceGroup, type, names };
}

/**
 * A name, or a full id such as `/subscriptions/GUID/resourceGroups/GROUP/providers/Microsoft.Compute/disks/NAME`, which may be in
 * another subscription or resource group.
 * @param option - Where the text comes from, for messages: "--disk".
 * @param place - For a name without an id; undefined if only an id is possible.
 * @throws {UsageError} neither a valid name nor an id of this type.
 */
export function parseResource(text: string, type: ResourceType, option: string, place?: ResourcePlace): ResourceId {
  const given = text.trim();
  if (given.startsWith('/')) return parseResourceId(given, type, option);
  const { title, rules } = TYPES[type];
  if (place === undefined || rules.length > 1) {
    throw new UsageError(
      `${option} must be the id of the ${title}, as in ${exampleId(type)}, but is "${shown(text)}".`,
    );
  }
  assertNames(type, [given], option);
  return resourceId(type, place, given);
}

/** Where the resource of an id is; undefined if the text is only a name. @throws {UsageError} it begins as an id, but is none. */
export function placeIn(text: string, type: ResourceType, option: string): ResourcePlace | undefined {
  return text.trim().startsWith('/') ? parseResourceId(text.trim(), type, option) : undefined;
}

function parseResourceId(text: string, type: ResourceType, option: string): ResourceId {
  const { title } = TYPES[type];
  const fail = (problem: string) =>
    new UsageError(`${option} must be the id of the ${title}, as in ${exampleId(type)}, but ${problem}.`);
  const [, subscriptions, subscriptionId = '', groups, resourceGroup = '', providers, provider, ...rest] =
    text.split('/');
  const keywords = [subscriptions, groups, providers].map((word) => word?.toLowerCase());
  if (keywords.join() !== 'subscriptions,resourcegroups,providers' || rest.length < 2 || rest.length % 2 !== 0) {
    throw fail(`"${shown(text)}" has another structure`);
  }
  const types = rest.filter((_, index) => index % 2 === 0);
  const names = rest.filter((_, index) => index % 2 === 1);
  const found = [provider, ...types].join('/');
  if (found.toLowerCase() !== type.toLowerCase()) throw fail(`"${shown(text)}" is the id of ${shown(found)}`);
  if (!isGuid(subscriptionId)) throw fail(`its subscription "${shown(subscriptionId)}" is not a GUID`);
  assertResourceGroup(resourceGroup, `The resource group in ${option}`);
  assertNames(type, names, `The name in ${option}`);
  return { subscriptionId: subscriptionId.toLowerCase(), resourceGroup, type, names };
}

/** The path of the resource in Azure Resource Manager, which is also its id. All parts are valid in a URL. */
export function pathOf({ subscriptionId, resourceGroup, type, names }: ResourceId): string {
  const [provider, ...types] = type.split('/');
  const rest = types.map((kind, index) => `${kind}/${names[index] ?? ''}`).join('/');
  return `/subscriptions/${subscriptionId}/resourceGroups/${encodeURIComponent(resourceGroup)}/providers/${provider}/${rest}`;
}

/** The id as Azure writes it, for bodies and messages. */
export function idOf(resource: ResourceId): string {
  return decodeURIComponent(pathOf(resource));
}

/** The last name: that of the resource itself. */
export function nameOf({ names }: ResourceId): string {
  return names.at(-1) ?? '';
}

function assertNames(type: ResourceType, names: readonly string[], what: string): void {
  const { rules } = TYPES[type];
  if (names.length !== rules.length) throw new TypeError(`${type} has ${rules.length} names, not ${names.length}.`);
  for (const [index, rule] of rules.entries()) assertName(names[index] ?? '', rule, what);
}

function assertName(name: string, { pattern, rule }: NameRule, what: string): void {
  if (!pattern.test(name)) throw new UsageError(`${what} must consist of ${rule}, but is "${shown(name)}".`);
}

function exampleId(type: ResourceType): string {
  const [provider, ...kinds] = type.split('/');
  const rest = kinds.map((kind) => `${kind}/NAME`).join('/');
  return `/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/${provider}/${rest}`;
}

function shown(text: string): string {
  return printable(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
