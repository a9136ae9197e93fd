// What the screens of an upload say about a managed disk.
import { shellWord } from '../../base/shell-word.ts';
import type { PlannedDisk } from '../../upload/managed-disk.ts';
import type { UploadResult } from '../../upload/upload.ts';

/** What to do with the disk now; empty for a blob. */
export function finishedDiskText({ disk }: UploadResult): string {
  if (disk === undefined) return '';
  if (!disk.isCommitted) {
    return '\nThe disk still waits for data. End the access to it, so that it can be used: az disk revoke-access --name DISK --resource-group GROUP';
  }
  const group = segmentAfter(disk.id, 'resourceGroups');
  const name = segmentAfter(disk.id, 'disks');
  return `\nThe disk is ready (Unattached). Create a virtual machine with it (OS: linux or windows):
  az vm create --name ${name} --resource-group ${group} --attach-os-disk ${name} --os-type OS
or, if it is a data disk, attach it to one:
  az vm disk attach --vm-name VM --resource-group ${group} --disks ${name}
or an image, if its system is generalized:
  vhdup image create NAME --resource-group ${group} --disk ${name}`;
}

/** The request that would create the disk; empty for a blob. */
export function plannedDiskText(disk: PlannedDisk | undefined): string {
  if (disk === undefined) return '';
  const { method, url, body } = disk.request;
  const existing = disk.existing === undefined ? '' : `\nThe disk exists already (state ${disk.existing}).`;
  return `${existing}\nwould create the disk with\n  ${method} ${url}\n  ${JSON.stringify(body)}`;
}

/** What a disk that was left behind costs. @param abort - The command that gives it up. */
export function abandonedDiskText(abort: string): string {
  return `The disk keeps what was sent, and is billed as a Standard HDD of its size until the upload is finished or given up: ${abort}`;
}

function segmentAfter(id: string | undefined, name: string): string {
  const segments = (id ?? '').split('/');
  return shellWord(segments[segments.indexOf(name) + 1] ?? '');
}
