// A second uploader to the same blob, while the first one works or is stopped.
import { join } from 'node:path';
import { readIfThere } from './files.ts';
import { type History, judgeSuccess, type RunRecord } from './judge.ts';
import { lastMessage, shown } from './messages.ts';
import type { SecondUploader } from './plan.ts';
import { launch, type Running } from './process.ts';
import { assertRule } from './report.ts';
import type { World } from './world.ts';

export interface SecondRequest {
  readonly world: World;
  readonly second: SecondUploader;
  readonly first: Running;
  readonly history: History;
  /** Whether one of the uploaders may replace the blob of the other. */
  readonly isContested: () => boolean;
  /** Whether nobody takes the blob away from the second uploader. Then exit code 12 means that it never had the blob. */
  readonly hasClearRights: boolean;
}

/** @returns whether the second uploader has changed the blob. */
export async function playSecond(request: SecondRequest): Promise<boolean> {
  const { world, second, first, history, isContested, hasClearRights } = request;
  const number = world.nextSecond();
  const logFile = `second-${number}.log`;
  const checkpoint = second.sharesCheckpoint ? world.checkpointName : `second-${number}.json`;
  const image = second.sharesImage ? world.image : world.other;
  assertRule(image !== undefined, 'The image of the second uploader must exist.');
  const command = world.secondCommand(image, checkpoint, logFile, second.options);
  world.step(`  second uploader${second.pausesFirst ? ', while the first is stopped' : ''}: ${shown(command.args)}`);
  if (second.pausesFirst) first.signal('SIGSTOP');
  try {
    const disk = second.sharesImage ? world.disk : image.read(world.folder);
    const logStart = world.server.log.length;
    const record: RunRecord = {
      number: world.runs,
      level: 'default',
      disk,
      logStart,
      hasOptions: false,
      hadFaults: true,
    };
    const { exitCode, signal, stderr } = await launch(world, command, (end) => {
      if (end.exitCode === 0 && !isContested()) judgeSuccess(world, record, history);
    }).ended;
    world.tally.count(`second: ${exitCode ?? signal}`);
    world.step(`  second uploader ended with ${exitCode ?? signal}: ${lastMessage(stderr)}`);
    const changes = changesOf(world, join(world.folder, logFile));
    if (exitCode === 12 && hasClearRights) {
      assertRule(
        changes.length === 0,
        `A second uploader was refused, but has changed the blob: ${changes.join(', ')}.`,
      );
    }
    return changes.length > 0;
  } finally {
    if (second.pausesFirst) first.signal('SIGCONT');
  }
}

/** The operations that the service committed for an uploader, found by the request ids in the uploader's log. */
function changesOf({ server }: World, logFile: string): string[] {
  const log = readIfThere(logFile);
  return server.log
    .filter(({ committed, operation }) => committed && !operation.endsWith('Lease'))
    .filter(({ clientRequestId }) => clientRequestId !== undefined && log.includes(clientRequestId))
    .map(({ operation }) => operation);
}
