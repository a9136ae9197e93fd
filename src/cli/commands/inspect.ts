// vhdup inspect [structure] <image>
import type { Argv, CommandModule } from 'yargs';
import { printable } from '../../base/printable.ts';
import { EXIT_CODES, UsageError } from '../../errors.ts';
import { inspectImage } from '../../inspect/inspect.ts';
import { inspectStructures } from '../../inspect/inspect-structures.ts';
import { STRUCTURE_KINDS, type StructureKind } from '../../inspect/structure.ts';
import { runVerb } from '../run-command.ts';
import { drawingCells } from '../screens/allocation-drawing.ts';
import { showInspection } from '../screens/inspect-screen.ts';
import { screenOf } from '../screens/screen.ts';
import { showStructures } from '../screens/structure-screen.ts';
import {
  IMAGE_OPTIONS,
  imageOptions,
  OUTPUT_OPTIONS,
  refuseRepeated,
  THREADS_OPTION,
  threadsOf,
  wholeNumber,
} from './shared-options.ts';

function build(yargs: Argv) {
  const built = yargs
    .usage('$0 inspect [structure] <image>\n\nShow what is in a disk image')
    .positional('image', { type: 'string', demandOption: true, describe: 'The disk image' })
    .positional('structure', {
      type: 'string',
      describe: `One of its structures, as it stands in the file: ${STRUCTURE_KINDS.join(', ')}`,
    })
    .options({
      scan: { type: 'boolean', default: false, describe: 'Read the whole disk, and count what is not zero' },
      threads: { ...THREADS_OPTION, describe: 'With --scan: reads of 4 MiB at a time, 1 to 64, or as many as pay' },
      all: { type: 'boolean', default: false, describe: 'Of a structure: list every range of a table' },
      block: { type: 'string', requiresArg: true, describe: 'Of bat and bitmap: show this block alone' },
      ...IMAGE_OPTIONS,
      ...OUTPUT_OPTIONS,
    })
    .example('$0 inspect disk.vhdx', '')
    .example('$0 inspect --scan disk.vhd', '')
    .example('$0 inspect bat disk.vhd --block 17', '')
    .epilog('Exits with 0 when the disk can be read, 3 when it is damaged, 4 when a parent is missing.');
  return refuseRepeated(built) as typeof built;
}

type InspectArguments = Awaited<ReturnType<typeof build>['argv']>;

export function inspectCommand(
  environment: NodeJS.ProcessEnv,
  finish: (exitCode: number) => void,
): CommandModule<object, InspectArguments> {
  return {
    command: 'inspect <image> [structure]',
    describe: 'Show what is in a disk image',
    builder: build as CommandModule<object, InspectArguments>['builder'] & object,
    handler: async (args) => {
      // The structure is said first and may be left out; yargs gives the first word to what must be there.
      const { image: first, structure: second } = args;
      if (second === undefined) finish(await inspect(args, first, environment));
      else if (isStructure(second) && !isStructure(first))
        finish(await showStructure(args, second, first, environment));
      else finish(await showStructure(args, structureKind(first), second, environment));
    },
  };
}

function inspect(args: InspectArguments, image: string, environment: NodeJS.ProcessEnv): Promise<number> {
  for (const name of ['all', 'block'] as const) {
    if (args[name] !== undefined && args[name] !== false) {
      throw new UsageError(`--${name} is for a structure: vhdup inspect bat ${printable(image)}.`);
    }
  }
  const screen = screenOf(environment, process.stdout);
  const options = {
    ...imageOptions(args),
    image,
    scan: args.scan,
    threads: threadsOf(args.threads),
    // What a program reads must not depend on the terminal.
    ...(args.json ? {} : { mapCells: drawingCells(screen.width) }),
  };
  return runVerb(args, environment, {
    run: (signal, onEvent) => inspectImage({ ...options, signal, onEvent }),
    describe: (report) => showInspection(report, screen),
    stopping: 'Stopping.',
    exitCode: ({ exitCode }) => exitCode ?? EXIT_CODES.ok,
    // The last problem is the one that keeps the disk from being read.
    failures: ({ exitCode, problems }) =>
      exitCode === undefined ? [] : problems.slice(-1).map(({ message }) => message),
  });
}

function showStructure(
  args: InspectArguments,
  structure: StructureKind,
  image: string,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  if (args.scan) throw new UsageError('--scan is for the whole image: vhdup inspect --scan <image>.');
  const options = {
    image,
    structure,
    all: args.all,
    ...(args.block === undefined ? {} : { block: wholeNumber('block', args.block) }),
  };
  return runVerb(args, environment, {
    run: (signal, onEvent) => inspectStructures({ ...options, signal, onEvent }),
    describe: (report) => showStructures(report, screenOf(environment, process.stdout)),
    stopping: 'Stopping.',
  });
}

function isStructure(text: string): text is StructureKind {
  return STRUCTURE_KINDS.some((kind) => kind === text);
}

function structureKind(text: string): StructureKind {
  if (!isStructure(text)) {
    throw new UsageError(
      `The structure must be one of ${STRUCTURE_KINDS.join(', ')}, but is "${printable(text)}": vhdup inspect footer <image>.`,
    );
  }
  return text;
}
