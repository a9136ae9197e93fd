// The commands that messages suggest as the next step, with the options that lead to the same place.
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { shellWord } from '../base/shell-word.ts';
import type { ArmOptions } from '../options.ts';

/**
 * A command of vhdup about one resource. Options that choose the place are repeated if the user gave them.
 * @param command - "disk abort"
 * @param given - The resource as the user named it: an id stays an id.
 */
export function commandAbout(command: string, resource: ResourceId, given: string, options: ArmOptions): string {
  const { subscription, cloud, armEndpoint, armAudience } = options;
  const isId = given.trim().startsWith('/');
  const flags = {
    ...(isId ? {} : { '-g': resource.resourceGroup, '--subscription': subscription }),
    '--cloud': cloud,
    '--arm-endpoint': armEndpoint,
    '--arm-audience': armAudience,
  };
  const words = Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag, shellWord(value)]));
  return ['vhdup', command, shellWord(isId ? idOf(resource) : nameOf(resource)), ...words].join(' ');
}

/** The command that deletes a disk without vhdup. */
export function azDelete(disk: ResourceId): string {
  return `az disk delete --ids ${shellWord(idOf(disk))}`;
}
