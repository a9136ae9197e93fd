// Options that all commands share that use Azure Resource Manager.
import type { Options } from 'yargs';
import { readArmEnvironment } from '../environment.ts';

export const ARM_OPTIONS = {
  'resource-group': {
    alias: 'g',
    type: 'string',
    requiresArg: true,
    describe: 'Resource group; not needed for resources that are given by their ids',
  },
  subscription: {
    type: 'string',
    requiresArg: true,
    describe: 'Id of the subscription  [AZURE_SUBSCRIPTION_ID, or the default of the Azure CLI]',
  },
  cloud: {
    type: 'string',
    requiresArg: true,
    describe: 'AzureCloud, AzureChinaCloud or AzureUSGovernment  [that of --arm-endpoint, or AzureCloud]',
  },
  'arm-endpoint': {
    type: 'string',
    requiresArg: true,
    describe: 'URL of Azure Resource Manager, such as that of Azure Stack  [that of the cloud]',
  },
  'arm-audience': {
    type: 'string',
    requiresArg: true,
    describe: 'Audience of the tokens for Azure Resource Manager  [that of the cloud]',
  },
} as const satisfies Record<string, Options>;

export const LOCATION_OPTION = {
  alias: 'l',
  type: 'string',
  requiresArg: true,
} as const satisfies Options;

export const TAGS_OPTION = {
  type: 'string',
  array: true,
  nargs: 1,
  requiresArg: true,
  default: [] as string[],
} as const satisfies Options;

export interface ArmArguments {
  readonly resourceGroup: string | undefined;
  readonly subscription: string | undefined;
  readonly cloud: string | undefined;
  readonly armEndpoint: string | undefined;
  readonly armAudience: string | undefined;
}

/** The options of the library. */
export function armOptions(args: ArmArguments, environment: NodeJS.ProcessEnv) {
  const { resourceGroup, subscription, cloud, armEndpoint, armAudience } = args;
  return {
    ...(resourceGroup === undefined ? {} : { resourceGroup }),
    ...(subscription === undefined ? {} : { subscription }),
    ...(cloud === undefined ? {} : { cloud }),
    ...(armEndpoint === undefined ? {} : { armEndpoint }),
    ...(armAudience === undefined ? {} : { armAudience }),
    environment: readArmEnvironment(environment),
  };
}
