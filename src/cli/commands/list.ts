// vhdup list [folder]
import { printable } from '../../base/printable.ts';
import type { Unfinished } from '../../manage/unfinished.ts';
import { defineCommand } from '../define-command.ts';
import { table } from '../screens/result-text.ts';
import { formatBytes, formatSeconds } from '../screens/units.ts';

export const listCommand = defineCommand({
  name: 'list',
  describe: 'List the unfinished uploads, downloads and verifications in a folder',
  positionals: { folder: { type: 'string', describe: 'Folder with their checkpoints  [the current folder]' } },
  options: {},
  examples: ['list D:\\images'],
  run: ({ folder }, { execute }) =>
    execute({
      run: async () => {
        const { listUnfinished } = await import('../../manage/list-unfinished.ts');
        return await listUnfinished(folder === undefined ? {} : { folder });
      },
      describe: (result) =>
        result.unfinished.length === 0
          ? `No unfinished work found in ${folder === undefined ? 'the current folder' : printable(result.folder)}.`
          : result.unfinished.map((one) => describeUnfinished(one, Date.now())).join('\n\n'),
    }),
});

/** @param nowMs - Since 1970. */
export function describeUnfinished(unfinished: Unfinished, nowMs: number): string {
  const { kind, checkpoint, file, url, savedAt, usedBy, problem, resume, abort } = unfinished;
  const rows: readonly (readonly [string, string | undefined])[] = [
    [kind === 'download' ? 'from' : 'to', url],
    ['progress', progressOf(unfinished)],
    [
      'last saved',
      `${formatSeconds(Math.max(0, nowMs - Date.parse(savedAt)) / 1000)} ago, in ${printable(checkpoint)}`,
    ],
    ['running', usedBy],
    ['problem', problem],
    ['resume', usedBy === undefined ? resume : undefined],
    ['abort', usedBy === undefined ? abort : undefined],
  ];
  const known = rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return table(`${kind} of ${printable(file ?? checkpoint)}`, known);
}

function progressOf({ done, size }: Unfinished): string | undefined {
  if (done === undefined) return undefined;
  if (size === undefined || size === 0) return formatBytes(done);
  return `${Math.floor((Math.min(done, size) / size) * 100)}%: ${formatBytes(Math.min(done, size))} of ${formatBytes(size)}`;
}
