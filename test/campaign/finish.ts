// The end of a round: `verify` accepts the blob, and no file is left beside the image.
import { readdirSync } from 'node:fs';
import type { Picker } from '../hostile/random.ts';
import { flipOneBit } from './judge.ts';
import { shown } from './messages.ts';
import { launch } from './process.ts';
import { assertRule } from './report.ts';
import type { World } from './world.ts';

/** `vhdup verify --full` accepts the blob, and finds one flipped bit. */
export async function verifyTwice(world: World, pick: Picker): Promise<void> {
  const { server, container, blobName, tally } = world;
  const verify = async (expected: number) => {
    const command = world.verifyCommand();
    world.step(`verify: ${shown(command.args)}`);
    const { exitCode, stderr } = await launch(world, command).ended;
    tally.count(`verify: ${exitCode}`);
    assertRule(exitCode === expected, `verify --full ended with ${exitCode}, not ${expected}: ${stderr}`);
  };
  await verify(0);
  const at = pick.below(server.blob(container, blobName).size);
  const undo = flipOneBit(world, at);
  world.step(`one bit of byte ${at} is flipped`);
  await verify(10);
  undo();
}

/** No lock, temporary file or checkpoint is left, except those that a message said to keep, and those of another uploader. */
export function assertNothingLeft({ folder, image, other, options, retired }: World): void {
  const known = [...image.files, ...(other?.files ?? []), 'sas.txt', options.manifest, options.logFile];
  const left = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .filter((name) => !known.includes(name) && !/^second-\d+\.(json|log)$/.test(name))
    .filter((name) => !retired.some((checkpoint) => name.startsWith(checkpoint.replace(/^state\//, ''))));
  assertRule(left.length === 0, `The upload is complete, but these files are left: ${left.join(', ')}.`);
}
