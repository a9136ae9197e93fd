// vhdup disk abort <name>
import { UsageError } from '../../errors.ts';
import { askYesNo } from '../ask-yes-no.ts';
import { defineCommand } from '../define-command.ts';
import { DISK, describeDisk } from './disk-status.ts';
import { ARM_COMMAND_OPTIONS, executeArm } from './execute-arm.ts';

export const diskAbortCommand = defineCommand({
  name: 'disk abort',
  describe: 'Give up the upload to a managed disk, and delete the disk',
  positionals: { name: DISK },
  options: {
    yes: { alias: 'y', type: 'boolean', default: false, describe: 'Do not ask. Required without a terminal' },
    checkpoint: {
      type: 'string',
      requiresArg: true,
      describe: 'Checkpoint of the upload, which is removed too',
    },
    force: { type: 'boolean', default: false, describe: 'Also abort the upload of another program' },
    ...ARM_COMMAND_OPTIONS,
  },
  examples: ['disk abort web01-os -g migration', 'disk abort web01-os -g migration --checkpoint disk.vhdx.vhdup.json'],
  epilog: 'Deletes only a disk whose upload is not finished, never one that can be used.',
  run: (args, context) => {
    const canAsk = process.stdin.isTTY && process.stderr.isTTY && !args.json && !args.quiet;
    if (!args.yes && !canAsk) {
      throw new UsageError(
        'vhdup disk abort deletes the disk. Add --yes to confirm that: there is no terminal to ask.',
      );
    }
    const { name: disk, checkpoint, force } = args;
    return executeArm(args, context, {
      run: async (options, signal) => {
        const { abortDisk } = await import('../../manage/abort-disk.ts');
        return await abortDisk({
          ...options,
          ...{ disk, force },
          ...(checkpoint === undefined ? {} : { checkpoint }),
          ...(args.yes
            ? {}
            : {
                confirm: (found) =>
                  askYesNo(`${describeDisk({ ...found, nextSteps: [] })}\nDelete the disk ${found.name}?`, signal),
              }),
        });
      },
      describe: ({ name, deleted, removedCheckpoint }) =>
        [
          deleted
            ? `The upload was aborted, and the disk ${name} deleted.`
            : `The disk ${name} does not exist any more.`,
          ...(removedCheckpoint === undefined ? [] : [`The checkpoint ${removedCheckpoint} was removed.`]),
        ].join('\n'),
    });
  },
});
