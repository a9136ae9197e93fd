// Reads one damaged image or hive after another in its own process, and reports to its parent before and after each.
import { attack, openAndRead } from '../../test/hostile/attack.ts';
import { attackHive } from '../../test/hostile/hive-cases.ts';
import { vhdVictims } from '../../test/hostile/vhd-victims.ts';
import { vhdxVictims } from '../../test/hostile/vhdx-victims.ts';
import type { Victim } from '../../test/hostile/victim.ts';
import type { CaseReport, Format, Task } from './cases.ts';

process.once('message', (task: Task) => void run(task));
// The parent has exited.
process.once('disconnect', () => process.exit(1));

async function run(task: Task): Promise<void> {
  await (task.format === 'hive' ? runHives(task) : runImages(task, task.format));
  process.exit();
}

async function runHives({ first, count }: Task): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    process.send?.({ type: 'begin', seed });
    process.send?.({ type: 'end', seed, ...(await attackOneHive(seed)) });
  }
}

async function attackOneHive(seed: number): Promise<CaseReport> {
  const startMs = performance.now();
  try {
    const { victim, outcome } = await attackHive(seed);
    const slowest = { operation: 'read the hive', ms: performance.now() - startMs };
    return { victim, outcome, slowest, peakMemory: peakMemory() };
  } catch (error) {
    return { victim: 'hive', outcome: 'fault', fault: faultOf(error), peakMemory: peakMemory() };
  }
}

async function runImages({ folder, first, count }: Task, format: ImageFormat): Promise<void> {
  const victims = await buildVictims(format, folder);
  const sound = new Map<string, string>();
  for (const { name, image } of victims) {
    const ending = await openAndRead(image);
    if ('checksum' in ending) sound.set(name, ending.checksum);
  }
  for (let seed = first; seed < first + count; seed++) {
    const victim = victims[seed % victims.length];
    if (victim === undefined) throw new RangeError('No image to damage.');
    process.send?.({ type: 'begin', seed });
    process.send?.({ type: 'end', seed, ...(await attackVictim(victim, seed, sound.get(victim.name))) });
  }
}

type ImageFormat = Exclude<Format, 'hive'>;

function buildVictims(format: ImageFormat, folder: string): Promise<Victim[]> | Victim[] {
  return format === 'vhd' ? vhdVictims(folder) : vhdxVictims(folder);
}

async function attackVictim(victim: Victim, seed: number, sound: string | undefined): Promise<CaseReport> {
  victim.damage(seed);
  try {
    const { ending, slowest } = await attack(victim.image);
    const outcome =
      'refusal' in ending
        ? `refused, ${ending.refusal.name}: ${structureIn(ending.refusal.message)}`
        : ending.checksum === sound
          ? 'read, as it was'
          : 'read, with other contents';
    return { victim: victim.name, outcome, slowest, peakMemory: peakMemory() };
  } catch (error) {
    return { victim: victim.name, outcome: 'fault', fault: faultOf(error), peakMemory: peakMemory() };
  } finally {
    victim.restore();
  }
}

/** "Cannot read BAT entry 17 of x.vhd: ..." → "read BAT entry". */
function structureIn(message: string): string {
  const what = /^Cannot (.*?)(?: of|:| in)? \//.exec(message)?.[1] ?? message.slice(0, 40);
  return what.replace(/\d+/g, 'N');
}

function faultOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}
