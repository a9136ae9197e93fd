// vhdup disk status <name>
import type { DiskStatus } from '../../manage/disk-status.ts';
import { defineCommand } from '../define-command.ts';
import { exact, table } from '../screens/result-text.ts';
import { ARM_COMMAND_OPTIONS, executeArm } from './execute-arm.ts';

export const DISK = { type: 'string', demandOption: true, describe: 'Name or id of the managed disk' } as const;

export const diskStatusCommand = defineCommand({
  name: 'disk status',
  describe: 'Show the state of a managed disk and of the upload to it',
  positionals: { name: DISK },
  options: ARM_COMMAND_OPTIONS,
  examples: ['disk status web01-os -g migration'],
  run: (args, context) =>
    executeArm(args, context, {
      run: async (options) => {
        const { diskStatus } = await import('../../manage/disk-status.ts');
        return await diskStatus({ ...options, disk: args.name });
      },
      describe: describeDisk,
    }),
});

export function describeDisk(disk: DiskStatus): string {
  const { sku, osType, generation, architecture, securityType, uploadSizeBytes, diskSizeBytes } = disk;
  const system = [osType ?? 'data disk', generation && `generation ${generation}`, architecture, securityType];
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['state', disk.description],
    ['provisioning', disk.provisioningState],
    ['id', disk.id],
    ['location', disk.location],
    ['type', sku],
    ['system', system.filter((one) => one !== undefined).join(', ')],
    ['upload size', uploadSizeBytes === undefined ? undefined : exact(uploadSizeBytes)],
    ['disk size', diskSizeBytes === undefined ? undefined : exact(diskSizeBytes)],
    ['created', disk.created],
    ['created by', disk.uploadId === undefined ? 'not by vhdup' : `vhdup, for the upload ${disk.uploadId}`],
    ['billed', disk.billing],
  ];
  const known = rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return [table(`Disk ${disk.name}`, known), ...disk.nextSteps].join('\n');
}
