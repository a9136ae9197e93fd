// What the commands share that only use Azure Resource Manager: their options, the log, and how they run.
import type { EventListener } from '../../events.ts';
import type { ArmOptions } from '../../options.ts';
import type { CommandContext } from '../define-command.ts';
import { logged } from '../log-file.ts';
import { prepareNetwork } from '../network/prepare-network.ts';
import type { Task } from '../run-command.ts';
import { ARM_OPTIONS, type ArmArguments, armOptions } from './arm-options.ts';
import { LOG_OPTION, RETRY_OPTIONS, type RetryArguments, retryOptions } from './shared-options.ts';

export const ARM_COMMAND_OPTIONS = { ...ARM_OPTIONS, ...LOG_OPTION, ...RETRY_OPTIONS } as const;

export interface ArmCommandArguments extends ArmArguments, RetryArguments {
  readonly logFile: string | undefined;
}

export interface ArmTask<Result extends object> extends Omit<Task<Result>, 'run' | 'stopping'> {
  /** @param signal - As in the options. */
  readonly run: (options: ArmOptions, signal: AbortSignal) => Promise<Result>;
}

/** @returns the exit code. @throws {UsageError} an option is not valid. */
export function executeArm<Result extends object>(
  args: ArmCommandArguments,
  { environment, execute }: CommandContext,
  task: ArmTask<Result>,
): Promise<number> {
  const options = { ...armOptions(args, environment), ...retryOptions(args) };
  const run = async (signal: AbortSignal, onEvent: EventListener) => {
    await prepareNetwork(environment, onEvent);
    return await task.run({ ...options, signal, onEvent }, signal);
  };
  return execute({
    ...task,
    run: (signal, onEvent) => logged(args.logFile, onEvent, (toBoth) => run(signal, toBoth)),
    stopping: 'Stopping. What has started in Azure continues there.',
  });
}
