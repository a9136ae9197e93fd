// vhdup check <image>
import type { Argv, CommandModule } from 'yargs';
import { checkImage } from '../../check/check-image.ts';
import { type CheckReport, PURPOSES } from '../../check/check-report.ts';
import { EXIT_CODES } from '../../errors.ts';
import { runVerb } from '../run-command.ts';
import { showCheck } from '../screens/check-screen.ts';
import { screenOf } from '../screens/screen.ts';
import { IMAGE_OPTIONS, imageOptions, OUTPUT_OPTIONS, refuseRepeated } from './shared-options.ts';

const GENERATIONS = { '1': 1, '2': 2 } as const;

function build(yargs: Argv) {
  const built = yargs
    .positional('image', { type: 'string', demandOption: true, describe: 'The disk image' })
    .options({
      for: { choices: PURPOSES, default: 'vm' as const, describe: 'What the disk is for' },
      generation: {
        choices: ['1', '2'] as const,
        requiresArg: true,
        describe: 'Generation of the virtual machine  [what the partition table says]',
      },
      'blob-name': { type: 'string', requiresArg: true, describe: 'Check this name of a blob, too' },
      ...IMAGE_OPTIONS,
      ...OUTPUT_OPTIONS,
    })
    .example('$0 check disk.vhdx', '')
    .example('$0 check disk.vhd --for marketplace --generation 2', '')
    .epilog('Exits with 0 when every rule is passed, 20 on warnings, 21 on failures.');
  return refuseRepeated(built) as typeof built;
}

type CheckArguments = Awaited<ReturnType<typeof build>['argv']>;

export function checkCommand(
  environment: NodeJS.ProcessEnv,
  finish: (exitCode: number) => void,
): CommandModule<object, CheckArguments> {
  return {
    command: 'check <image>',
    describe: 'Say whether Azure takes a disk image, and whether it starts there',
    builder: build as CommandModule<object, CheckArguments>['builder'] & object,
    handler: async (args) => finish(await check(args, environment)),
  };
}

const EXIT_CODE_OF: Readonly<Record<CheckReport['result'], number>> = {
  pass: EXIT_CODES.ok,
  warn: EXIT_CODES.checkWarned,
  fail: EXIT_CODES.checkFailed,
};

function check(args: CheckArguments, environment: NodeJS.ProcessEnv): Promise<number> {
  const { generation, blobName } = args;
  const options = {
    ...imageOptions(args),
    image: args.image,
    purpose: args.for,
    ...(generation === undefined ? {} : { generation: GENERATIONS[generation] }),
    ...(blobName === undefined ? {} : { blobName }),
  };
  return runVerb(args, environment, {
    run: (signal) => checkImage({ ...options, signal }),
    describe: (report) => showCheck(report, { ...screenOf(environment, process.stdout), verbose: args.verbose }),
    exitCode: ({ result }) => EXIT_CODE_OF[result],
    failures: ({ findings }) =>
      findings.filter(({ result }) => result === 'fail').map(({ id, found }) => `${id}: ${found.replace(/\.?$/, '.')}`),
  });
}
