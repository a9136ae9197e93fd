// What each state of a managed disk means for its upload, what it costs, and the next step.
// Sources: REST, Disks, DiskState; learn.microsoft.com, "Upload a VHD to Azure or copy a managed disk"; Managed Disks pricing.

import { commandAbout } from '../azure/arm/command-text.ts';
import type { ManagedDisk } from '../azure/arm/managed-disks.ts';
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { printable } from '../base/printable.ts';
import { shellWord } from '../base/shell-word.ts';
import type { ArmOptions } from '../options.ts';
import { isInUpload, UPLOAD_TAG } from '../remote/owned-disk.ts';

const MEANINGS: Readonly<Record<string, string>> = {
  ReadyToUpload: 'it waits for an upload, and nobody has access to it',
  ActiveUpload: 'an upload has access to it and is not finished',
  Unattached: 'its upload is finished, and no virtual machine uses it',
  Attached: 'a virtual machine uses it',
  Reserved: 'a virtual machine that is deallocated uses it',
  Frozen: 'a virtual machine that is hibernated uses it',
  ActiveSAS: 'somebody has access to it to download it',
  ActiveSASFrozen: 'a virtual machine that is hibernated uses it, and somebody has access to it',
};

/** Standard HDD disks are billed by these sizes, in GiB. */
const HDD_TIERS: readonly (readonly [tier: string, gib: number])[] = [
  ['S4', 32],
  ['S6', 64],
  ['S10', 128],
  ['S15', 256],
  ['S20', 512],
  ['S30', 1024],
  ['S40', 2048],
  ['S50', 4096],
  ['S60', 8192],
  ['S70', 16_384],
  ['S80', 32_767],
];

/** In words. Follows "state: ". */
export function meaningOf({ diskState, provisioningState, managedBy }: ManagedDisk): string {
  if (diskState === undefined) return `not known yet (provisioning ${printable(provisioningState ?? 'unknown')})`;
  const meaning = MEANINGS[diskState];
  const user = managedBy === undefined ? '' : `: ${printable(managedBy)}`;
  return `${printable(diskState)}${meaning === undefined ? '' : `, ${meaning}${user}`}`;
}

/** What the disk is billed as. */
export function billingOf(disk: ManagedDisk): string {
  if (!isInUpload(disk)) return `as ${printable(disk.sku ?? 'a disk')} of its size`;
  const gib = Math.ceil((disk.uploadSizeBytes ?? 0) / 1024 ** 3);
  const tier = HDD_TIERS.find(([, size]) => gib <= size);
  const size = disk.uploadSizeBytes === undefined || tier === undefined ? '' : ` (${tier[0]}, ${tier[1]} GiB)`;
  return `as a Standard HDD of its size${size}, until its upload is finished or it is deleted`;
}

/** What to do with the disk: each step says what for, with a command. */
export function nextStepsOf(
  found: ManagedDisk,
  disk: ResourceId,
  options: ArmOptions & { readonly disk: string },
): readonly string[] {
  const about = (command: string) => commandAbout(command, disk, options.disk, options);
  const id = shellWord(idOf(disk));
  const isOurs = found.tags[UPLOAD_TAG] !== undefined;
  if (isInUpload(found)) {
    return isOurs
      ? [
          `To finish its upload, run the same vhdup upload again: ${about('upload IMAGE --disk')} -l ${shellWord(printable(found.location))}`,
          `To give it up: ${about('disk abort')}`,
        ]
      : [
          `To upload to it: vhdup upload IMAGE "$(az disk grant-access --ids ${id} --access-level Write --duration-in-seconds 604800 --query accessSas --output tsv)", and when that is finished: az disk revoke-access --ids ${id}`,
          `To give it up: ${about('disk abort')} --force`,
        ];
  }
  if (found.diskState === 'ActiveSAS') {
    return [
      `To end the access, if nothing reads the disk any more, for example because vhdup was killed: az disk revoke-access --ids ${id}`,
    ];
  }
  if (found.diskState !== 'Unattached') return [];
  const group = shellWord(disk.resourceGroup);
  if (found.osType === undefined) {
    return [
      `To attach it to a virtual machine: az vm disk attach --resource-group ${group} --vm-name VM --disks ${id}`,
    ];
  }
  const os = found.osType.toLowerCase() === 'windows' ? 'windows' : 'linux';
  return [
    `To start a virtual machine from it: az vm create --resource-group ${group} --name VM --attach-os-disk ${id} --os-type ${os}`,
    `To make an image of it, if its system is generalized: vhdup image create NAME -g ${group} --disk ${shellWord(options.disk.trim().startsWith('/') ? idOf(disk) : nameOf(disk))}`,
  ];
}
