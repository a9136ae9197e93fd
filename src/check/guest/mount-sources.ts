// Finds the volume that a line of fstab names (fstab(5), lvm(8): names of devices).
import type { ContentVolume } from '../../volume/content-volumes.ts';

/** The folders of udev, by the tag that means the same. */
const FOLDERS: Readonly<Record<string, string>> = {
  '/dev/disk/by-uuid/': 'UUID',
  '/dev/disk/by-label/': 'LABEL',
  '/dev/disk/by-partuuid/': 'PARTUUID',
  '/dev/disk/by-partlabel/': 'PARTLABEL',
};

/**
 * The volume that `device` names: by UUID, label or partition, or as a logical volume.
 * Undefined if none does or several do, and for names such as /dev/sda1, which may be of another disk.
 */
export function volumeNamed<V extends ContentVolume>(device: string, volumes: readonly V[]): V | undefined {
  const [tag, name] = tagOf(device);
  const found = volumes.filter((volume) =>
    tag === undefined ? deviceNamesOf(volume).includes(device) : identityOf(volume, tag)?.toLowerCase() === name,
  );
  return found.length === 1 ? found[0] : undefined;
}

/** The tag and its value in lower case: UUIDs are written in both cases, and no two labels of a disk differ in that alone. */
function tagOf(device: string): readonly [tag: string | undefined, name: string] {
  const [, tag, value] = /^([A-Z]+)=["']?(.*?)["']?$/.exec(device) ?? [];
  if (tag !== undefined && value !== undefined) return [tag, value.toLowerCase()];
  const folder = Object.keys(FOLDERS).find((prefix) => device.startsWith(prefix));
  return folder === undefined ? [undefined, device] : [FOLDERS[folder], device.slice(folder.length).toLowerCase()];
}

function identityOf({ fileSystem, partition }: ContentVolume, tag: string): string | undefined {
  switch (tag) {
    case 'UUID':
      return fileSystem?.uuid;
    case 'LABEL':
      return fileSystem?.label;
    case 'PARTUUID':
      return partition?.id;
    case 'PARTLABEL':
      return partition?.name;
    default:
      return undefined;
  }
}

/** The device mapper doubles the hyphens in names and joins them with one. */
function deviceNamesOf({ logicalName }: ContentVolume): readonly string[] {
  if (logicalName === undefined) return [];
  const { group, volume } = logicalName;
  const [mappedGroup, mappedVolume] = [group, volume].map((name) => name.replaceAll('-', '--'));
  return [`/dev/${group}/${volume}`, `/dev/mapper/${mappedGroup}-${mappedVolume}`];
}
