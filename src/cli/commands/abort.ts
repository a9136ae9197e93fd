// vhdup abort <path> [destination]
import { printable } from '../../base/printable.ts';
import { UsageError } from '../../errors.ts';
import type { EventListener } from '../../events.ts';
import type { AbortOptions, AbortPlan, AbortResult, PartialTarget } from '../../manage/abort-unfinished.ts';
import { askYesNo } from '../ask-yes-no.ts';
import { defineCommand } from '../define-command.ts';
import { readEnvironment } from '../environment.ts';
import { logged } from '../log-file.ts';
import { prepareNetwork } from '../network/prepare-network.ts';
import { describeUnfinished } from './list.ts';
import { checkSasOptions, givesSas, SAS_OPTIONS, type SasArguments, sasOptions } from './sas-options.ts';
import { CLOUD_OPTION, LOG_OPTION, RETRY_OPTIONS, retryOptions } from './shared-options.ts';

export const abortCommand = defineCommand({
  name: 'abort',
  describe: 'Give up an unfinished upload or download, and remove what it has left',
  positionals: {
    path: {
      type: 'string',
      demandOption: true,
      describe: 'The image, the file that is written, or the checkpoint',
    },
    destination: { type: 'string', describe: 'URL of the blob of an upload, with a SAS  [that of the checkpoint]' },
  },
  options: {
    yes: { alias: 'y', type: 'boolean', default: false, describe: 'Do not ask. Required without a terminal' },
    checkpoint: {
      type: 'string',
      requiresArg: true,
      describe: 'Checkpoint, if it is in another folder than the image or file',
    },
    ...SAS_OPTIONS,
    ...CLOUD_OPTION,
    ...LOG_OPTION,
    ...RETRY_OPTIONS,
  },
  examples: [
    'abort disk.vhdx "https://NAME.blob.core.windows.net/vhds/disk.vhd?SAS"',
    'abort disk.vhd.vhdup.json --yes',
  ],
  epilog: 'Deletes a blob only if it is the incomplete blob of this upload, and nothing works on it.',
  run: (args, { environment, execute }) => {
    checkSasOptions(args);
    const { path, checkpoint, destination, yes, logFile } = args;
    const canAsk = process.stdin.isTTY && process.stderr.isTTY && !args.json && !args.quiet;
    if (!yes && !canAsk) {
      throw new UsageError(
        'vhdup abort deletes what an unfinished upload or download has left. Add --yes to confirm that: there is no terminal to ask.',
      );
    }
    const run = async (signal: AbortSignal, onEvent: EventListener) => {
      const { abortUnfinished } = await import('../../manage/abort-unfinished.ts');
      return await abortUnfinished({
        ...{ path, signal, onEvent },
        ...retryOptions(args),
        ...(checkpoint === undefined ? {} : { checkpoint }),
        ...(destination === undefined ? {} : { destination }),
        ...(await blobOptions(args, environment, signal, onEvent)),
        ...(yes ? {} : { confirm: (plan) => askYesNo(questionOf(plan), signal) }),
      });
    };
    return execute({
      run: (signal, onEvent) => logged(logFile, onEvent, (toBoth) => run(signal, toBoth)),
      describe: describeResult,
      stopping: 'Stopping.',
    });
  },
});

interface AbortArguments extends SasArguments {
  readonly path: string;
  readonly checkpoint: string | undefined;
  readonly destination: string | undefined;
  readonly cloud: string | undefined;
}

/** The credential for the blob of an upload. A download and a verification need none. */
async function blobOptions(
  args: AbortArguments,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
  onEvent: EventListener,
): Promise<Partial<AbortOptions>> {
  const { destination } = args;
  const { findUnfinished } = await import('../../manage/abort-unfinished.ts');
  const { describeUnfinished: factsOf } = await import('../../manage/unfinished.ts');
  const found = await findUnfinished(args.path, args.checkpoint);
  if (found.kind !== 'upload') return {};
  const { url, abort } = await factsOf(found.path, found.kind);
  const blob = destination ?? url;
  if (blob === undefined || abort?.startsWith('vhdup disk') === true) return {};
  await prepareNetwork(environment, onEvent);
  const say = (message: string) => onEvent({ type: 'credential', state: 'wanted', message });
  return {
    ...(args.cloud === undefined ? {} : { cloud: args.cloud }),
    ...readEnvironment(environment, blob, givesSas(args), args),
    ...(await sasOptions(args, blob, signal, say)),
  };
}

const PLANS: Readonly<Record<PartialTarget, string>> = {
  delete: 'Delete what it has left, and the checkpoint?',
  absent: 'Nothing but the checkpoint is left. Remove it?',
  complete: 'It was finished, and stays as it is. Remove the checkpoint?',
  other: 'Something else has replaced its blob, and stays as it is. Remove the checkpoint?',
  none: 'Remove the checkpoint?',
};

function questionOf({ unfinished, target }: AbortPlan): string {
  const { resume: _, abort: __, ...facts } = unfinished;
  return `${describeUnfinished(facts, Date.now())}\n${PLANS[target]}`;
}

const OUTCOMES: Readonly<Record<PartialTarget, string>> = {
  delete: 'was aborted. What it had left was deleted',
  absent: 'was aborted. It had left nothing',
  complete: 'is complete, and was left as it is',
  other: 'was aborted. Something else has replaced its blob, which was left as it is',
  none: 'was aborted',
};

function describeResult({ kind, file, url, target, checkpoint }: AbortResult): string {
  const what =
    kind === 'download'
      ? `The download of ${url ?? ''} to ${printable(file ?? '')}`
      : `The ${kind} of ${printable(file ?? '')} to ${url ?? ''}`;
  return `${what} ${OUTCOMES[target]}. The checkpoint ${printable(checkpoint)} was removed.`;
}
