// vhdup check <image>
import { checkImage } from '../../check/check-image.ts';
import { type CheckReport, PURPOSES } from '../../check/check-report.ts';
import { EXIT_CODES, UsageError } from '../../errors.ts';
import { defineCommand } from '../define-command.ts';
import { readEnvironment } from '../environment.ts';
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
  positionals: { image: IMAGE },
  options: {
    for: { choices: PURPOSES, default: 'vm' as const, describe: 'Purpose of the disk' },
    generation: {
      choices: ['1', '2'] as const,
      requiresArg: true,
      describe: 'Generation of the virtual machine  [detected from the partition table]',
    },
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
    const { generation, blobName, destination } = args;
    checkSasOptions(args);
    if (destination === undefined && givesSas(args)) {
      throw new UsageError('--sas-file and --sas-command give a SAS for --destination, which is missing.');
    }
    const options = {
      ...imageOptions(args),
      purpose: args.for,
      ...(generation === undefined ? {} : { generation: GENERATIONS[generation] }),
      ...(blobName === undefined ? {} : { blobName }),
    };
    return execute({
      run: async (signal, onEvent) => {
        if (destination === undefined) return await checkImage({ ...options, signal });
        const say = (message: string) => onEvent({ type: 'credential', state: 'wanted', message });
        const target = {
          destination,
          ...(args.cloud === undefined ? {} : { cloud: args.cloud }),
          ...readEnvironment(environment, destination, givesSas(args), args),
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
