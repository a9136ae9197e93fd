// `vhdup disk.vhdx`: three steps on the terminal, which end in `vhdup upload`.
import { resolve } from 'node:path';
import type { ReadStream } from 'node:tty';
import { printable } from '../../base/printable.ts';
import { EXIT_CODES, UsageError } from '../../errors.ts';
import { shellWord } from '../../image/foreign/foreign-format.ts';
import { remembersDestinations, stateFolder } from '../environment.ts';
import { InterruptedError, interruptible } from '../interrupt.ts';
import { table } from '../screens/result-text.ts';
import { screenOf } from '../screens/screen.ts';
import { formatBytes } from '../screens/units.ts';
import { chooseDestination } from './choose-destination.ts';
import type { GuideContext, GuidedArguments, GuidedImage, GuidedTarget } from './context.ts';
import { describeImage } from './describe-image.ts';
import { kindsFor } from './destination-kinds.ts';
import { Dialogue } from './dialogue.ts';
import { type GivenFiles, requireOneImage } from './given-files.ts';
import { RecentDestinations } from './recent-destinations.ts';
import { shellCommand } from './shell-command.ts';

export interface GuideRequest {
  readonly given: GivenFiles;
  readonly environment: NodeJS.ProcessEnv;
  readonly input: ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Runs a command line of vhdup. @returns its exit code. */
  readonly run: (words: readonly string[]) => Promise<number>;
}

/** An upload that is to be started. */
interface Job {
  readonly image: GuidedImage;
  readonly target: GuidedTarget;
  readonly words: readonly string[];
  readonly shownWords: readonly string[];
}

const DECLINED = 'Nothing was uploaded.';

/** @param args - The options that follow the files. @returns the exit code. @throws {UsageError} nobody can be asked. */
export async function guide(args: GuidedArguments, request: GuideRequest): Promise<number> {
  const { given, environment, input, output, run } = request;
  requireTerminal(args, request);
  const kinds = kindsFor(args);
  const recent = new RecentDestinations(remembersDestinations(environment) ? stateFolder(environment) : undefined);
  const planned = await interruptible(
    async (signal) => {
      const dialogue = new Dialogue({ input, output, screen: screenOf(environment, output), signal });
      return await plan(given, { args, environment, dialogue, recent, kinds, onEvent: () => undefined });
    },
    () => output.write('\n'),
  );
  if (typeof planned === 'number') return planned;
  for (const { target } of planned) {
    if (target.remembered !== undefined) await recent.remember(target.remembered);
  }
  return await runAll(planned, run);
}

/** @throws {UsageError} */
function requireTerminal(args: GuidedArguments, { given, environment, input, output }: GuideRequest): void {
  const file = shellWord(given.files[0] ?? '');
  const problem = args.json
    ? '--json is for programs'
    : args.quiet
      ? '--quiet prints no questions'
      : environment['CI'] && environment['CI'] !== 'false'
        ? 'the variable CI says that nobody can answer'
        : input.isTTY !== true
          ? 'the standard input is not one'
          : output.isTTY !== true
            ? 'the standard error is not one'
            : undefined;
  if (problem === undefined) return;
  throw new UsageError(
    `vhdup ${file} asks for the destination, which needs a terminal, but ${problem}. Say so in the command: vhdup upload ${file} DESTINATION, or vhdup upload ${file} --disk NAME -g GROUP -l REGION.`,
  );
}

/** Asks everything, and changes nothing. @returns the uploads to start, or the exit code if there are none. */
async function plan(given: GivenFiles, context: GuideContext): Promise<readonly Job[] | number> {
  const { dialogue, args } = context;
  const files = await chooseFiles(given, dialogue);
  requireOneImage(files, given.options);
  dialogue.heading('Step 1 of 3: the image');
  const described: GuidedImage[] = [];
  for (const file of files) {
    const image = await describeImage(file, context);
    if (image !== undefined) described.push(image);
    else if (files.length > 1) dialogue.say(`${printable(file)} is left out.`);
  }
  if (described.length === 0) {
    dialogue.say(DECLINED);
    return EXIT_CODES.checkFailed;
  }
  const images = withoutParents(described, dialogue);
  dialogue.heading('Step 2 of 3: where to');
  const jobs: Job[] = [];
  for (const image of images) {
    if (images.length > 1) dialogue.say(`${printable(image.path)}:`);
    const previous = jobs.at(-1)?.target;
    const own = previous === undefined ? context : { ...context, previous };
    const target = args.disk === undefined ? await chooseOther(image, own, jobs) : givenDisk(args.disk);
    jobs.push(jobOf(image, target, given.options));
  }
  dialogue.heading('Step 3 of 3: start');
  for (const { image, target, shownWords } of jobs) {
    dialogue.show(
      table(printable(image.path), [
        ['to', target.title],
        ['access', target.access],
        ['to send', `at most ${formatBytes(image.allocated)} of ${formatBytes(image.size)}`],
      ]),
    );
    dialogue.show(
      `\nThe command, to run it again without questions:\n  ${shellCommand(shownWords, context.environment)}\n`,
    );
  }
  if (await dialogue.confirm('Start?', true)) return jobs;
  dialogue.say(DECLINED);
  return EXIT_CODES.interrupted;
}

/** Two images of one run never go to the same place: the second upload would fail after the first one, or replace it. */
async function chooseOther(image: GuidedImage, context: GuideContext, jobs: readonly Job[]): Promise<GuidedTarget> {
  const placeOf = ({ url, title }: GuidedTarget) => url ?? title.toLowerCase();
  for (;;) {
    const target = await chooseDestination(image, context);
    if (jobs.every((job) => placeOf(job.target) !== placeOf(target))) return target;
    context.dialogue.say('Another image of this run goes there. Choose another name or another place.');
  }
}

/** Of a folder, one or all images. */
async function chooseFiles({ files, areNamed }: GivenFiles, dialogue: Dialogue): Promise<readonly string[]> {
  if (areNamed || files.length === 1) return files;
  const choices = files.map((file) => ({ label: file, value: [file] as readonly string[] }));
  const chosen = await dialogue.choose('Image', [...choices, { label: `all ${files.length}`, value: files }]);
  if (chosen === undefined) throw new InterruptedError('stdin');
  return chosen;
}

/** What another image is read with is part of it. */
function withoutParents(images: readonly GuidedImage[], dialogue: Dialogue): readonly GuidedImage[] {
  return images.filter(({ path }) => {
    const child = images.find(({ parents }) => parents.some((parent) => resolve(parent) === resolve(path)));
    if (child === undefined) return true;
    dialogue.say(`${printable(path)} is a parent of ${printable(child.path)}, and is uploaded as a part of it.`);
    return false;
  });
}

function givenDisk(name: string): GuidedTarget {
  return { words: [], shownWords: [], title: `managed disk ${name}`, access: 'Microsoft Entra' };
}

function jobOf(image: GuidedImage, target: GuidedTarget, options: readonly string[]): Job {
  const command = (words: readonly string[]) => ['upload', image.path, ...words, ...image.words, ...options];
  return { image, target, words: command(target.words), shownWords: command(target.shownWords) };
}

/** One after the other: they would share the connection. @returns the exit code of the first one that failed. */
async function runAll(jobs: readonly Job[], run: GuideRequest['run']): Promise<number> {
  const failed: number[] = [];
  for (const { words } of jobs) {
    const exitCode = await run(words);
    if (exitCode !== EXIT_CODES.ok) failed.push(exitCode);
    if (exitCode >= EXIT_CODES.hangup) break;
  }
  return failed[0] ?? EXIT_CODES.ok;
}
