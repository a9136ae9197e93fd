// The commands that messages suggest as the next step, with the options that lead to the same place.
import { shellWord } from '../../base/shell-word.ts';
import { idOf, nameOf, type ResourceId } from './resource-id.ts';

/** The options that lead to Azure Resource Manager, as in `ArmOptions`. */
export interface CommandPlace {
  readonly resourceGroup?: string;
  readonly subscription?: string;
  readonly cloud?: string;
  readonly armEndpoint?: string;
  readonly armAudience?: string;
}

/**
 * A command of vhdup about one resource. Options that choose the place are repeated if the user gave them.
 * @param command - "disk abort"
 * @param given - The resource as the user named it: an id stays an id.
 */
export function commandAbout(command: string, resource: ResourceId, given: string, options: CommandPlace): string {
  const name = isId(given) ? idOf(resource) : nameOf(resource);
  return commandFor(command, name, { ...options, resourceGroup: resource.resourceGroup });
}

/** The same, of a resource that only the user has named. */
export function commandFor(command: string, given: string, options: CommandPlace): string {
  const { resourceGroup, subscription, cloud, armEndpoint, armAudience } = options;
  const flags = {
    ...(isId(given) ? {} : { '-g': resourceGroup, '--subscription': subscription }),
    '--cloud': cloud,
    '--arm-endpoint': armEndpoint,
    '--arm-audience': armAudience,
  };
  const words = Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag, shellWord(value)]));
  return ['vhdup', command, shellWord(given.trim()), ...words].join(' ');
}

function isId(given: string): boolean {
  return given.trim().startsWith('/');
}

/** The command that deletes a disk without vhdup. */
export function azDelete(disk: ResourceId): string {
  return `az disk delete --ids ${shellWord(idOf(disk))}`;
}
