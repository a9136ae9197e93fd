// vhdup check <image>
import { checkImage } from '../../check/check-image.ts';
import { type CheckReport, PURPOSES } from '../../check/check-report.ts';
import { EXIT_CODES } from '../../errors.ts';
import { defineCommand } from '../define-command.ts';
import { showCheck } from '../screens/check-screen.ts';
import { screenOf } from '../screens/screen.ts';
import { IMAGE, IMAGE_OPTIONS, imageOptions } from './shared-options.ts';

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
    'blob-name': { type: 'string', requiresArg: true, describe: 'Blob name, to be checked too' },
    ...IMAGE_OPTIONS,
  },
  examples: ['check disk.vhdx', 'check disk.vhd --for marketplace --generation 2'],
  epilog: 'Exits with 0 if every rule passes, 20 on warnings, 21 on failures.',
  run: (args, { execute, environment }) => {
    const { generation, blobName } = args;
    const options = {
      ...imageOptions(args),
      purpose: args.for,
      ...(generation === undefined ? {} : { generation: GENERATIONS[generation] }),
      ...(blobName === undefined ? {} : { blobName }),
    };
    return execute({
      run: (signal) => checkImage({ ...options, signal }),
      describe: (report) => showCheck(report, { ...screenOf(environment, process.stdout), verbose: args.verbose }),
      exitCode: ({ result }) => EXIT_CODE_OF[result],
      failures: ({ findings }) =>
        findings
          .filter(({ result }) => result === 'fail')
          .map(({ id, found }) => `${id}: ${found.replace(/\.?$/, '.')}`),
    });
  },
});
