// vhdup sas <url> --for marketplace
import { parseDestination } from '../../azure/destination.ts';
import { UsageError } from '../../errors.ts';
import { defineCommand } from '../define-command.ts';
import { readEnvironment } from '../environment.ts';
import { CLOUD_OPTION, durationMs } from './shared-options.ts';

export const sasCommand = defineCommand({
  name: 'sas',
  describe: 'Print the URL of a container or blob with a SAS for the Azure Marketplace. Prints a secret',
  positionals: {
    url: {
      type: 'string',
      demandOption: true,
      describe: 'URL of the container, or of a blob in it; or container/blob in the account that the environment names',
    },
  },
  options: {
    for: {
      choices: ['marketplace'] as const,
      requiresArg: true,
      describe: 'Purpose: read and list the container, from yesterday on',
    },
    'expires-in': {
      type: 'string',
      requiresArg: true,
      default: '30d',
      describe: 'How long the SAS is valid, at least three weeks',
    },
    ...CLOUD_OPTION,
  },
  examples: [
    'sas https://NAME.blob.core.windows.net/vhds --for marketplace',
    'sas vhds/disk.vhd --for marketplace --expires-in 60d',
  ],
  epilog: 'The account key comes from AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_KEY. Nothing is sent.',
  run: (args, { environment, execute }) => {
    if (args.for === undefined) {
      throw new UsageError('vhdup sas needs the purpose of the SAS: --for marketplace.');
    }
    const expiresInMs = durationMs('expires-in', args.expiresIn);
    return execute({
      run: async (_, onEvent) => {
        const { serviceUrl, credential = { kind: 'entra' } } = readEnvironment(environment, args.url, false, {
          mayBeContainer: true,
          cloud: args.cloud,
        });
        const keyAccount = credential.kind === 'account-key' ? credential.accountName : undefined;
        const { address, sas } = parseDestination(args.url, serviceUrl, keyAccount, { mayBeContainer: true });
        const { marketplaceSas } = await import('../../azure/auth/marketplace-sas.ts');
        const result = marketplaceSas(address, sas === undefined ? credential : { kind: 'sas', sas }, expiresInMs);
        onEvent({
          type: 'warning',
          code: 'secret-printed',
          message: `The URL on stdout contains a secret: until ${result.expiresOn}, everyone who has it can read and list all blobs of ${address.containerUrl}. Only a new account key revokes it. ${address.blobName === '' ? 'Insert the name of the VHD before the question mark, as in /disk.vhd?sv=' : 'Give it to the Marketplace alone'}.`,
        });
        return result;
      },
      describe: ({ url }) => url,
      containsSecret: true,
    });
  },
});
