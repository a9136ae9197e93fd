// vhdup inspect [structure] <image>
import { printable } from '../../base/printable.ts';
import { EXIT_CODES, UsageError } from '../../errors.ts';
import { STRUCTURE_KINDS, type StructureKind } from '../../inspect/structure.ts';
import { type CommandContext, defineCommand } from '../define-command.ts';
import type { CommonArguments } from '../run-command.ts';
import { drawingCells } from '../screens/allocation-drawing.ts';
import { showInspection } from '../screens/inspect-screen.ts';
import { screenOf } from '../screens/screen.ts';
import { showStructures } from '../screens/structure-screen.ts';
import {
  IMAGE,
  IMAGE_OPTIONS,
  type ImageArguments,
  imageOptions,
  THREADS_OPTION,
  threadsOf,
  wholeNumber,
} from './shared-options.ts';

interface InspectArguments extends CommonArguments, ImageArguments {
  readonly scan: boolean;
  readonly threads: string;
  readonly all: boolean;
  readonly block: string | undefined;
}

export const inspectCommand = defineCommand({
  name: 'inspect',
  describe: 'Show the contents of a disk image',
  usage: '$0 inspect [structure] <image>\n\nShow the contents of a disk image',
  positionals: {
    image: IMAGE,
    structure: {
      type: 'string',
      describe: `Structure to show as it is stored in the file: ${STRUCTURE_KINDS.join(', ')}`,
    },
  },
  options: {
    scan: {
      type: 'boolean',
      default: false,
      describe: 'Read the whole disk and count the data that is not zero, in free space too',
    },
    threads: {
      ...THREADS_OPTION,
      describe: 'With --scan: reads of 4 MiB at once, 1 to 64 (at most 51 in memory); auto is 8',
    },
    all: { type: 'boolean', default: false, describe: 'With a structure: list every range of a table' },
    block: { type: 'string', requiresArg: true, describe: 'With bat or bitmap: show only this block' },
    ...IMAGE_OPTIONS,
  },
  examples: ['inspect disk.vhdx', 'inspect --scan disk.vhd', 'inspect bat disk.vhd --block 17'],
  epilog: 'Exits with 0 if the disk can be read, 3 if it is damaged, 4 if a parent is missing.',
  run: (args, context) => {
    // The structure comes first and is optional, but yargs assigns the first word to the required argument.
    const { image: first, structure: second } = args;
    if (second === undefined) return inspect(args, context);
    if (isStructure(second) && !isStructure(first)) return showStructure(args, second, first, context);
    return showStructure(args, structureKind(first), second, context);
  },
});

function inspect(args: InspectArguments, { execute, environment }: CommandContext): Promise<number> {
  for (const name of ['all', 'block'] as const) {
    if (args[name] !== undefined && args[name] !== false) {
      throw new UsageError(`--${name} needs a structure: vhdup inspect bat ${printable(args.image)}.`);
    }
  }
  const screen = screenOf(environment, process.stdout);
  const options = {
    ...imageOptions(args),
    scan: args.scan,
    threads: threadsOf(args.threads),
    // JSON must not depend on the terminal.
    ...(args.json ? {} : { mapCells: drawingCells(screen.width) }),
  };
  return execute({
    run: async (signal, onEvent) => {
      const { inspectImage } = await import('../../inspect/inspect.ts');
      return await inspectImage({ ...options, signal, onEvent });
    },
    describe: (report) => showInspection(report, screen),
    stopping: 'Stopping.',
    exitCode: ({ exitCode }) => exitCode ?? EXIT_CODES.ok,
    // The last problem is the reason why the disk cannot be read.
    failures: ({ exitCode, problems }) =>
      exitCode === undefined ? [] : problems.slice(-1).map(({ message }) => message),
  });
}

function showStructure(
  args: InspectArguments,
  structure: StructureKind,
  image: string,
  { execute, environment }: CommandContext,
): Promise<number> {
  if (args.scan) throw new UsageError('--scan reads the whole image: vhdup inspect --scan <image>.');
  const options = {
    image,
    structure,
    all: args.all,
    ...(args.block === undefined ? {} : { block: wholeNumber('block', args.block) }),
  };
  return execute({
    run: async (signal, onEvent) => {
      const { inspectStructures } = await import('../../inspect/inspect-structures.ts');
      return await inspectStructures({ ...options, signal, onEvent });
    },
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
