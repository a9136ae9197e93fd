// vhdup check <image>
import { type CheckReport, OS_STATES, PURPOSES } from '../../check/check-report.ts';
import { EXIT_CODES, UsageError } from '../../errors.ts';
import { defineCommand } from '../define-command.ts';
import { readEnvironment } from '../environment.ts';
import { prepareNetwork } from '../network/prepare-network.ts';
import { showCheck } from '../screens/check-screen.ts';
import { screenOf } from '../screens/screen.ts';
import { checkSasOptions, givesSas, SAS_OPTIONS, sasOptions } from './sas-options.ts';
import { CLOUD_OPTION, IMAGE, IMAGE_OPTIONS, imageOptions } from './shared-options.ts';

const GENERATIONS = { '1': 1, '2': 2 } as const;

const EXIT_CODE_OF: Readonly<Record<CheckReport['result'], number>> = {
  pass: EXIT_CODES.ok,
  warn: EXIT_CODES.checkWarned,
  fail: EXIT_CODES.checkFailed,
};

export const checkCommand = defineCommand({
  name: 'check',
  describe: 'Check whether Azure accepts a disk image and whether a VM will boot from it',
  // Not `image`: the option --image says what kind of image it is.
  positionals: { file: IMAGE },
  options: {
    for: { choices: PURPOSES, default: 'vm' as const, describe: 'Purpose of the disk' },
    generation: {
      choices: ['1', '2'] as const,
      requiresArg: true,
      describe: 'Generation of the virtual machine  [detected from the partition table]',
    },
    image: {
      choices: OS_STATES,
      requiresArg: true,
      describe: 'State of the operating system  [generalized for marketplace; otherwise as Windows shows it]',
    },
    nvme: { type: 'boolean', default: false, describe: 'Also check what a VM with an NVMe controller needs' },
    destination: {
      type: 'string',
      requiresArg: true,
      describe: 'Also check this blob and its container: URL with or without a SAS, or container/blob',
    },
    ...SAS_OPTIONS,
    ...CLOUD_OPTION,
    'blob-name': { type: 'string', requiresArg: true, describe: 'Also check this name for the blob' },
    ...IMAGE_OPTIONS,
  },
  examples: [
    'check disk.vhdx',
    'check disk.vhd --for marketplace --generation 2',
    'check disk.vhd --for marketplace --destination vhds/disk.vhd',
  ],
  epilog: 'Exits with 0 if every rule passes, 20 on warnings, 21 on failures.',
  run: (args, { execute, environment }) => {
    const { file, generation, image: osState, blobName, destination } = args;
    checkSasOptions(args);
    if (destination === undefined && givesSas(args)) {
      throw new UsageError('--sas-file and --sas-command give a SAS for --destination, which is missing.');
    }
    const options = {
      ...imageOptions({ ...args, image: file }),
      purpose: args.for,
      ...(generation === undefined ? {} : { generation: GENERATIONS[generation] }),
      ...(osState === undefined ? {} : { osState }),
      nvme: args.nvme,
      ...(blobName === undefined ? {} : { blobName }),
    };
    return execute({
      run: async (signal, onEvent) => {
        const { checkImage } = await import('../../check/check-image.ts');
        if (destination === undefined) return await checkImage({ ...options, signal });
        await prepareNetwork(environment, onEvent);
        const say = (message: string) => onEvent({ type: 'credential', state: 'wanted', message });
        const target = {
          destination,
          ...(args.cloud === undefined ? {} : { cloud: args.cloud }),
          // It only reads, and what the Marketplace needs may be public.
          ...readEnvironment(environment, destination, givesSas(args), { ...args, mayBePublic: true }),
          ...(await sasOptions(args, destination, signal, say)),
        };
        return await checkImage({ ...options, target, onEvent, signal });
      },
      describe: (report) => showCheck(report, { ...screenOf(environment, process.stdout), verbose: args.verbose }),
      exitCode: ({ result }) => EXIT_CODE_OF[result],
      failures: ({ findings }) =>
        findings
          .filter(({ result }) => result === 'fail')
          .map(({ id, found }) => `${id}: ${found.replace(/\.?$/, '.')}`),
    });
  },
});
