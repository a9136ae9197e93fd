// npm run campaign [-- --rounds N --seed S --leases on|off|random --seconds T --keep --verbose]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { summaryOf, Tally } from './report.ts';
import { playRound } from './round.ts';

const LEASES = ['on', 'off', 'random'] as const;

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '50' },
      seed: { type: 'string', default: '1' },
      leases: { type: 'string', default: 'random' },
      seconds: { type: 'string' },
      keep: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  });
  const leases = LEASES.find((value) => value === values.leases);
  const [rounds, seed] = [values.rounds, values.seed].map(Number);
  if (leases === undefined) throw new Error(`--leases must be one of ${LEASES.join(', ')}, but is ${values.leases}.`);
  if (rounds === undefined || !Number.isInteger(rounds) || rounds < 1)
    throw new Error('--rounds must be a whole number of at least 1.');
  if (seed === undefined || !Number.isInteger(seed) || seed < 0)
    throw new Error('--seed must be a whole number of at least 0.');
  const seconds = Number(values.seconds ?? Number.POSITIVE_INFINITY);
  if (!(seconds > 0)) throw new Error('--seconds must be a number greater than 0.');
  return { rounds, seed, seconds, leases, keep: values.keep, verbose: values.verbose };
}

function missingTools(): string[] {
  return ['qemu-img', 'qemu-io'].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<number> {
  const missing = missingTools();
  if (missing.length > 0) {
    process.stderr.write(
      `The campaign needs ${missing.join(' and ')}: install qemu-utils (Debian, Ubuntu) or qemu-img.\n`,
    );
    return 1;
  }
  const { rounds, seed, seconds, leases, keep, verbose } = readOptions();
  const tally = new Tally();
  const startMs = performance.now();
  let isStopped = false;
  process.once('SIGINT', () => {
    isStopped = true;
  });
  for (let round = 0; round < rounds && !isStopped; round++) {
    if (performance.now() - startMs > seconds * 1000) {
      say(`Stopping after ${seconds} s: ${round} of ${rounds} rounds were played.`);
      break;
    }
    const ownSeed = seed + round;
    const { failure, steps, folder } = await playRound({ seed: ownSeed, leases, keep, tally });
    tally.count('rounds');
    if (failure === undefined && !verbose) continue;
    say(`\nRound ${round + 1}, seed ${ownSeed}\n${steps.join('\n')}`);
    if (failure === undefined) continue;
    tally.count('failed rounds');
    const isRule = failure.constructor.name === 'BrokenRule';
    say(`FAILED: ${isRule ? failure.message : (failure.stack ?? failure.message)}`);
    if (folder !== undefined) say(`Its files are kept in ${folder}.`);
    const given = leases === 'random' ? '' : ` --leases ${leases}`;
    say(`Repeat it with: npm run campaign -- --rounds 1 --seed ${ownSeed}${given}`);
  }
  say(`\n${summaryOf(tally, (performance.now() - startMs) / 1000)}`);
  return tally.of('failed rounds') === 0 ? 0 : 1;
}

process.exitCode = await main();
