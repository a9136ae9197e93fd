// Options of commands that may outlive their SAS: the source of the first SAS and of later ones.
import type { Options } from 'yargs';
import type { RenewSas } from '../../azure/auth/credentials.ts';
import { carriesSas } from '../../azure/destination.ts';
import { UsageError } from '../../errors.ts';
import { type SasSource, sasCommand, sasFile, sasPrompt } from '../sas-source.ts';

export const SAS_OPTIONS = {
  'sas-file': {
    type: 'string',
    requiresArg: true,
    describe:
      'File with a SAS, or - for standard input; read again when the SAS has expired. Keeps it out of the process list',
  },
  'sas-command': {
    type: 'string',
    requiresArg: true,
    describe: 'Command that prints a SAS; run if the URL has none, and again when the SAS in use has expired',
  },
} as const satisfies Record<string, Options>;

export interface SasArguments {
  readonly sasFile: string | undefined;
  readonly sasCommand: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** @throws {UsageError} if both are given, or one of them is empty. */
export function checkSasOptions({ sasFile: path, sasCommand: command }: SasArguments): void {
  if (path?.trim() === '') {
    throw new UsageError('--sas-file is empty. Name a file that contains a SAS, or - for standard input.');
  }
  if (command?.trim() === '') {
    throw new UsageError(
      '--sas-command is empty. Give a command that prints a SAS, such as "az storage blob generate-sas ...".',
    );
  }
  if (path !== undefined && command !== undefined) {
    throw new UsageError('Give either --sas-file or --sas-command, not both.');
  }
}

/** Whether an option provides a SAS, with or without a SAS in the URL. */
export function givesSas({ sasFile: path, sasCommand: command }: SasArguments): boolean {
  return (path ?? command) !== undefined;
}

/** The options of the library: the first SAS if the URL has none, and the source of later ones. */
export async function sasOptions(
  args: SasArguments,
  destination: string,
  signal: AbortSignal,
  say: (message: string) => void,
): Promise<{ credential?: { kind: 'sas'; sas: string }; renewSas?: RenewSas }> {
  const source = sourceOf(args, say);
  if (source === undefined) return {};
  const sas = carriesSas(destination) ? undefined : await source.first?.(signal);
  return { renewSas: source.renew, ...(sas === undefined ? {} : { credential: { kind: 'sas', sas } }) };
}

function sourceOf(args: SasArguments, say: (message: string) => void): SasSource | undefined {
  if (args.sasFile !== undefined) return sasFile(args.sasFile, say);
  if (args.sasCommand !== undefined) return sasCommand(args.sasCommand, say);
  // The prompt needs a user.
  const canAsk = process.stdin.isTTY && process.stderr.isTTY && !args.json && !args.quiet;
  return canAsk ? sasPrompt(say) : undefined;
}
