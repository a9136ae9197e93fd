// The next step after a permanent failure of Azure Resource Manager, with commands that can be pasted.
import { printable } from '../../base/printable.ts';

/** What the advice may depend on. All texts except `path` come from the service. */
export interface AdviceContext {
  readonly message: string;
  readonly target: string | undefined;
  readonly policies: readonly string[];
  /** The path of the request, from `pathOf`. */
  readonly path: string;
}

export type Advice = (context: AdviceContext) => string;

/** What a message may contribute to a command. Anything else could be misread by a shell. */
const SAFE = '[\\w./()-]+';
const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** Built-in roles that allow an action, the narrowest first. Source: learn.microsoft.com, "Azure built-in roles for Compute". */
const ROLES: readonly (readonly [action: RegExp, role: string])[] = [
  [/^Microsoft\.Compute\/disks\/(?:up|down)load\/action$/i, 'Data Operator for Managed Disks'],
  [/\/read$/i, 'Reader'],
  [/^Microsoft\.Compute\/galleries\//i, 'Compute Gallery Artifacts Publisher'],
  [/^/, 'Contributor'],
];

/** The option that sets a field of the body, by the last words of `target`. */
const OPTIONS: readonly (readonly [target: RegExp, option: string])[] = [
  [/location/i, '--location'],
  [/zone/i, '--zone'],
  [/sku|accountType/i, '--sku'],
  [/hyperVGeneration/i, '--generation'],
  [/osType/i, '--os-type'],
  [/securityType|securityProfile/i, '--security-type'],
  [/architecture/i, '--architecture'],
  [/logicalSectorSize/i, '--logical-sector-size'],
  [/diskEncryptionSet|encryption/i, '--disk-encryption-set'],
  [/diskAccess/i, '--disk-access'],
  [/networkAccess|networkPolicy/i, '--network-access'],
  [/dataAccessAuthMode/i, '--data-access-auth-mode'],
  [/tags?\b/i, '--tags'],
];

export const ADVICE = {
  expiredToken: () =>
    'Run the same command again; if the error repeats, sign in again (az login or Connect-AzAccount) and check the clock of this machine.',
  otherTenant: ({ message }) => {
    // The message names the tenant of the token first, and the tenant of the subscription last.
    const tenant = [...message.matchAll(new RegExp(GUID, 'gi'))].at(-1)?.[0] ?? 'TENANT';
    return `The sign-in belongs to another tenant than the subscription. Sign in to the right one: az login --tenant ${tenant}, or Connect-AzAccount -Tenant ${tenant}. Or choose another subscription with --subscription.`;
  },
  rejectedToken: () =>
    'Azure Resource Manager does not accept the sign-in. Sign in again (az login or Connect-AzAccount, with multi-factor authentication if your organization requires it), and check that --cloud and --arm-audience are those of the subscription.',
  role: ({ message, path }) => roleAdvice(message, path),
  policy: ({ policies }) => {
    const names = policies.map((name) => `"${printable(name)}"`).join(', ');
    const which = names === '' ? 'A policy' : `The policy ${names}`;
    return `${which} of your organization forbids it. Choose other options, or ask the owner of the policy for an exemption.`;
  },
  disallowedByAzure: () =>
    'Azure itself forbids it: if the message mentions multi-factor authentication, sign in again with it (az logout, then az login; or Connect-AzAccount); otherwise the subscription may not use this region: choose another --location.',
  lock: ({ path }) =>
    `A lock forbids it. List the locks with: az lock list --resource-group ${groupIn(path)} --output table. An owner can delete one with az lock delete.`,
  noSubscription: () =>
    'Check --subscription: az account list --output table shows the subscriptions of the sign-in. If it belongs to another tenant, run az login --tenant TENANT or Connect-AzAccount -Tenant TENANT.',
  disabledSubscription: () =>
    'The subscription is disabled and read-only: its owner must activate it, or choose another one with --subscription.',
  register: ({ message, path }) => {
    const namespace = /namespace '([\w.]+)'/.exec(message)?.[1] ?? providerIn(path);
    return `Register the provider once: az provider register --namespace ${namespace} --subscription ${subscriptionIn(path)} --wait. That needs the role Contributor on the subscription.`;
  },
  apiVersion: () =>
    'This Azure Resource Manager does not support the API version. Use --api-version with one that the message names.',
  noAccount: () =>
    'Choose the subscription of the account with --subscription: az storage account list --query "[].id" --output tsv lists the accounts.',
  noGroup: ({ path }) => `Create the resource group: az group create --name ${groupIn(path)} --location LOCATION.`,
  groupDeleted: () =>
    'The resource group is being deleted. Wait until it is gone, or choose another one with --resource-group.',
  location: () => 'Choose another --location: az account list-locations --query "[].name" --output tsv lists them.',
  sku: () =>
    'Choose another --sku, --zone or --location. List what the subscription may use with: az vm list-skus --resource-type disks --location LOCATION --all --output table.',
  quota: () =>
    'The quota of the subscription is used up. Delete disks that are not needed, or request more: az vm list-usage --location LOCATION --output table shows the usage.',
  nameTaken: ({ path }) =>
    `There is already a resource of this name with other properties. Choose another name, or look at it with: az resource show --ids "${decodeURIComponent(path)}".`,
  activeSas: () =>
    'An upload or download of the disk is not finished. Wait until it is: az disk show --query diskState shows the state.',
  attached: () =>
    'The disk is in use by a virtual machine or by another operation. Deallocate the virtual machine (az vm deallocate) or detach the disk from it, or choose another disk.',
  invalidVhd: () =>
    'The disk does not contain a valid VHD: not all of the image arrived. Nothing was deleted. Upload the image again.',
  unfinishedDisk: () =>
    'The service does not say why. This happens if a disk is used before its upload is finished: its state must be Unattached (az disk show --query diskState).',
  parameter: ({ target }) => {
    const option = OPTIONS.find(([pattern]) => pattern.test(target ?? ''))?.[1];
    return option === undefined ? '' : `Check ${option}.`;
  },
  notFound: () => 'It does not exist, or it was deleted. Check its name, --resource-group and --subscription.',
  conflict: () =>
    'Another operation on it is still running, or its state does not allow this. Wait a minute, and run the same command again.',
  redirect: () =>
    'It redirects to another address. vhdup does not follow, because that could send the token to somebody else. Check --arm-endpoint.',
  cancelled: () => 'Somebody, or the service, cancelled the operation. Run the same command again.',
} as const satisfies Readonly<Record<string, Advice>>;

function roleAdvice(message: string, path: string): string {
  // The permission on a linked resource, which is missing, comes after the one on the resource itself.
  const action = lastMatch(message, `actions?(?:\\(s\\))? '(${SAFE})'`);
  const scope = lastMatch(message, `scopes?(?:\\(s\\))? '(/${SAFE})'`) ?? decodeURIComponent(path);
  const assignee = new RegExp(`object id '(${GUID})'`, 'i').exec(message)?.[1];
  const role = ROLES.find(([pattern]) => pattern.test(action ?? ''))?.[1] ?? 'Contributor';
  const group = /^\/subscriptions\/[^/]+(?:\/resourceGroups\/[^/]+)?/i.exec(scope)?.[0] ?? scope;
  const what = action === undefined ? 'The sign-in lacks a permission' : `The sign-in lacks the permission ${action}`;
  const who = assignee === undefined ? '--assignee USER' : `--assignee-object-id ${assignee}`;
  return `${what} on ${scope}. The role "${role}" contains it: az role assignment create --role "${role}" --scope "${group}" ${who}. A new role takes effect after some minutes.`;
}

function lastMatch(message: string, pattern: string): string | undefined {
  return [...message.matchAll(new RegExp(pattern, 'g'))].at(-1)?.[1];
}

function subscriptionIn(path: string): string {
  return /^\/subscriptions\/([^/]+)/.exec(path)?.[1] ?? 'SUBSCRIPTION';
}

function groupIn(path: string): string {
  const name = /\/resourceGroups\/([^/]+)/.exec(path)?.[1];
  const decoded = name === undefined ? 'GROUP' : decodeURIComponent(name);
  return /^[\w.-]+$/.test(decoded) ? decoded : `"${decoded}"`;
}

function providerIn(path: string): string {
  return /\/providers\/([\w.]+)/.exec(path)?.[1] ?? 'Microsoft.Compute';
}
