// One round: an image, its upload with all disturbances of the seed, and the same command again until the blob is right.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Picker } from '../hostile/random.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import { actBetween, actDuring, keepCopy } from './actions.ts';
import { adviceIn, chooseAdvice } from './advice.ts';
import { assertNothingLeft, verifyTwice } from './finish.ts';
import { makeImage } from './images.ts';
import { History, judgeSuccess, type RunRecord } from './judge.ts';
import { lastMessage, messageIn, shown } from './messages.ts';
import { randomOptions } from './options.ts';
import { type RunPlan, randomPlan, type SecondUploader } from './plan.ts';
import { launch, type Outcome, type Running } from './process.ts';
import { assertRule, type Tally } from './report.ts';
import { playSecond } from './second.ts';
import { World } from './world.ts';

const PIECE = 4 * 1024 * 1024;
/** Number of undisturbed runs after which the upload must be complete. */
const MAX_REPAIRS = 10;
/** Spreads consecutive seeds over the whole range. */
const SPREAD = 0x9e3779b1;
const NO_PLAN: RunPlan = { faults: [], model: {}, actions: [], afterwards: [] };

export interface RoundRequest {
  readonly seed: number;
  readonly leases: 'on' | 'off' | 'random';
  /** Keep the folder of a failed round. */
  readonly keep: boolean;
  readonly tally: Tally;
}

export interface RoundResult {
  /** Undefined if no rule was broken. */
  readonly failure: Error | undefined;
  readonly steps: readonly string[];
  /** The folder of a failed round, if it was kept. */
  readonly folder: string | undefined;
}

export async function playRound({ seed, leases, keep, tally }: RoundRequest): Promise<RoundResult> {
  const root = mkdtempSync(join(tmpdir(), 'vhdup-campaign-'));
  const pick = new Picker(Math.imul(seed + 1, SPREAD));
  const world = await makeWorld(root, pick, leases, tally, seed);
  let failure: Error | undefined;
  try {
    await new Round(world, pick, seed).play();
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  await world.endAll();
  await world.server.close();
  const isKept = keep && failure !== undefined;
  if (!isKept) rmSync(root, { recursive: true, force: true });
  return { failure, steps: world.steps, folder: isKept ? root : undefined };
}

async function makeWorld(root: string, pick: Picker, leases: RoundRequest['leases'], tally: Tally, seed: number) {
  const folder = join(root, 'images');
  mkdirSync(join(folder, 'state'), { recursive: true });
  const options = randomOptions(pick, leases);
  const image = await makeImage(folder, pick.of(['disk', 'a disk', 'Datenträger']), pick);
  const server = await startPageBlobServer({ seed });
  if (!options.createContainer) server.createContainer('vhds');
  const disk = image.read(folder);
  const world = new World({ root, folder, server, options, tally, image, disk });
  tally.count(`image: ${image.description.split(/[ ,]/)[0]}`);
  tally.count(options.leases ? 'with leases' : 'without leases');
  world.step(
    `${image.name}: ${image.description}; ${options.leases ? 'with' : 'without'} leases, SAS: ${options.credential}`,
  );
  return world;
}

class Round {
  readonly #world: World;
  readonly #plan: readonly RunPlan[];
  /** For decisions that depend on how runs ended. The plan is drawn before. */
  readonly #react: Picker;
  readonly #history = new History();
  /** Number of second uploaders in this run that may replace its blob. */
  #rivals = 0;
  /** Not in every round, because it takes two more runs. */
  readonly #isVerified: boolean;

  constructor(world: World, pick: Picker, seed: number) {
    this.#world = world;
    const requests =
      8 + Math.ceil(world.image.data.reduce((sum, { length }) => sum + Math.ceil(length / PIECE) + 1, 0));
    const { checksum, verify } = world.options;
    this.#plan = randomPlan(pick, requests, checksum !== 'none' || verify === 'full');
    this.#isVerified = pick.chance(0.4);
    this.#react = new Picker(seed ^ 0x5eed);
  }

  async play(): Promise<void> {
    const needsOther = this.#plan.some(({ actions }) =>
      actions.some(({ action }) => action.kind === 'second' && !action.second.sharesImage),
    );
    if (needsOther) this.#world.other = await makeImage(this.#world.folder, 'other', this.#react, 'vhd-dynamic');
    const isRight = (await this.#playDisturbed()) ?? (await this.#repair());
    // If the options excused a change by others, there is nothing to verify.
    if (isRight && this.#isVerified) await verifyTwice(this.#world, this.#react);
    assertNothingLeft(this.#world);
  }

  /** @returns whether the blob is right after exit code 0; undefined if no run ended with it. */
  async #playDisturbed(): Promise<boolean | undefined> {
    for (const plan of this.#plan) {
      const isRight = await this.#run(plan);
      if (isRight !== undefined) return isRight;
      for (const action of plan.afterwards) this.#world.step(`  ${actBetween(this.#world, action, this.#react)}`);
    }
    return undefined;
  }

  /** Undisturbed runs, with the options that each message asks for. */
  async #repair(): Promise<boolean> {
    for (let attempt = 1; attempt <= MAX_REPAIRS; attempt++) {
      const isRight = await this.#run(NO_PLAN);
      if (isRight !== undefined) return isRight;
    }
    assertRule(false, `The upload is not complete after ${MAX_REPAIRS} undisturbed runs that followed the messages.`);
  }

  /** @returns whether the blob is exactly right after exit code 0; undefined after any other end. */
  async #run(plan: RunPlan): Promise<boolean | undefined> {
    const { server } = this.#world;
    this.#disturb(plan);
    const { running, record, success } = this.#start(
      plan.faults.length > 0 || plan.actions.some(({ action }) => action.kind === 'expire-sas'),
    );
    const seconds: Promise<void>[] = [];
    const acting = plan.actions.map(async ({ at, action }) => {
      await running.atRequest(at);
      if (!running.isRunning()) return;
      if (action.kind === 'second') seconds.push(this.#second(action.second, running, plan));
      else this.#world.step(`  request ${at}: ${actDuring(this.#world, running, action, this.#react)}`);
    });
    const [outcome] = await Promise.all([running.ended, ...acting]);
    this.#noteEnd(record, plan, outcome);
    await Promise.all(seconds);
    this.#world.currentRun = undefined;
    this.#countFaults(record.logStart);
    server.faults.clear();
    keepCopy(this.#world);
    // If a second uploader has replaced the blob since, it belongs to that one.
    if (outcome.exitCode === 0 && this.#rivals === 0) {
      // An image that changed at the very end is no longer the disk that was uploaded, so there is nothing to verify.
      return success() && this.#world.disk === record.disk;
    }
    this.#followAdvice(outcome, plan !== NO_PLAN);
    return undefined;
  }

  /** Resolves when the second uploader has ended. It stays a rival only if it has changed the blob. */
  #second(second: SecondUploader, first: Running, plan: RunPlan): Promise<void> {
    const isForceful = second.options.length > 0;
    if (isForceful) this.#rivals += 1;
    const others = plan.actions.some(({ action }) => action.kind === 'foreign' || action.kind === 'sleep');
    const { restart, overwrite, breakLease } = this.#world.extra;
    const hasClearRights = !others && restart !== true && overwrite !== true && breakLease !== true;
    const isContested = () => this.#rivals > 0;
    const ending = playSecond({
      world: this.#world,
      second,
      first,
      history: this.#history,
      isContested,
      hasClearRights,
    }).then((hasChanged) => {
      if (isForceful && !hasChanged) this.#rivals -= 1;
    });
    // It may fail long before the first uploader ends, and is awaited only then.
    ending.catch(() => undefined);
    return ending;
  }

  /** Sets up the server according to the plan. */
  #disturb(plan: RunPlan): void {
    const { server, options } = this.#world;
    if (!options.leases) {
      const refusal = { kind: 'status', status: 403, code: 'AuthorizationFailure' } as const;
      server.faults.add({ operation: ['AcquireLease', 'RenewLease'] }, refusal);
    }
    for (const { on, fault } of plan.faults) server.faults.add(on, fault);
    Object.assign(
      server.model,
      { latencyMs: undefined, bytesPerSecond: undefined, requestsPerSecond: undefined },
      plan.model,
    );
    this.#rivals = 0;
  }

  #start(hadFaults: boolean) {
    const world = this.#world;
    const number = world.beginRun();
    const record: RunRecord = {
      number,
      level: world.level,
      disk: world.disk,
      logStart: world.server.log.length,
      hasOptions: true,
      hadFaults,
    };
    world.tally.count('runs');
    const command = world.uploadCommand();
    world.step(`run ${number}: ${shown(command.args)}`);
    let judged: boolean | undefined;
    const running = launch(world, command, ({ exitCode }) => {
      // At once, before anybody else changes the blob.
      this.#history.note(world, record);
      if (exitCode === 0 && this.#rivals === 0) judged = judgeSuccess(world, record, this.#history);
    });
    return { running, record, success: () => judged ?? judgeSuccess(world, record, this.#history) };
  }

  #noteEnd({ number, logStart }: RunRecord, { actions, faults }: RunPlan, { exitCode, signal, stderr }: Outcome): void {
    const { tally, server } = this.#world;
    const end = exitCode === null ? String(signal) : String(exitCode);
    tally.count(`exit: ${end}`);
    const twice = actions.some(({ action }) => action.kind === 'signal' && action.twice);
    if (exitCode === null || twice) this.#history.killed.add(number);
    this.#world.step(`  ended with ${end} after ${server.log.length - logStart} requests: ${lastMessage(stderr)}`);
    if (faults.length > 0) {
      this.#world.step(
        `  faults: ${faults.map(({ on, fault }) => `${String(on.operation)} ${String(on.nth)} ${JSON.stringify(fault)}`).join('; ')}`,
      );
    }
  }

  #countFaults(logStart: number): void {
    const { server, options, tally } = this.#world;
    for (const { fault, operation, errorCode } of server.log.slice(logStart)) {
      // The refusals of a service without leases are not faults.
      const isUsual = !options.leases && (operation === 'AcquireLease' || operation === 'RenewLease');
      if (fault !== undefined && !isUsual) tally.count(`fault: ${fault}`);
      if (fault === undefined && errorCode === 'ServerBusy') tally.count('throttled');
    }
  }

  /** Follows the message, if it contains a next step. */
  #followAdvice({ exitCode, stderr }: Outcome, isDisturbed: boolean): void {
    const world = this.#world;
    const message = messageIn(stderr);
    const advice = chooseAdvice(message, this.#react);
    if (exitCode !== null && exitCode !== 0 && ![129, 130, 143].includes(exitCode) && !isDisturbed) {
      assertRule(advice !== undefined, `The message contains no next step: ${message}`);
    }
    // A killed or stopped run is started again with the same options, or without --restart and the like.
    if (advice === undefined) {
      if (this.#react.chance(0.5))
        world.extra = { ...world.extra, restart: false, overwrite: false, breakLease: false };
      return;
    }
    world.tally.count(`advice: ${advice.kind === 'options' ? Object.keys(advice.extra).join('+') : advice.kind}`);
    world.step(`  follows: ${JSON.stringify(advice)} of ${adviceIn(message).length}`);
    if (advice.kind === 'options') {
      const { restart, resumeFromBlob } = advice.extra;
      const exclusive =
        restart === true
          ? { resumeFromBlob: false }
          : resumeFromBlob === true
            ? { restart: false, overwrite: false }
            : {};
      world.extra = { ...world.extra, ...exclusive, ...advice.extra };
    } else if (advice.kind === 'new-checkpoint') {
      world.retired.push(world.checkpoint ?? `${world.image.name}.vhdup.json`);
      world.checkpoint = `kept-${world.retired.length}.json`;
    } else if (advice.kind === 'delete-checkpoint') rmSync(world.checkpointPath, { force: true });
    else if (advice.kind === 'wait') world.server.advanceClock(121_000);
    else if (exitCode === 8) world.renewSas();
  }
}
