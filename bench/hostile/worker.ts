// Reads one damaged image after another in its own process, and reports to its parent before and after each.
import { attack, openAndRead } from '../../test/hostile/attack.ts';
import { fileSystemVictims } from '../../test/hostile/file-system-victims.ts';
import { vhdVictims } from '../../test/hostile/vhd-victims.ts';
import { vhdxVictims } from '../../test/hostile/vhdx-victims.ts';
import type { Victim } from '../../test/hostile/victim.ts';
import { xfsVictims } from '../../test/hostile/xfs-victims.ts';
import type { CaseReport, Format, Task } from './cases.ts';

process.once('message', (task: Task) => void run(task));
// The parent has exited.
process.once('disconnect', () => process.exit(1));

async function run({ folder, format, first, count }: Task): Promise<void> {
  const victims = await buildVictims(format, folder);
  const sound = new Map<string, string>();
  for (const victim of victims) {
    const { name, image } = victim;
    const ending = (await victim.attack?.())?.ending ?? (await openAndRead(image));
    if ('checksum' in ending) sound.set(name, ending.checksum);
  }
  for (let seed = first; seed < first + count; seed++) {
    const victim = victims[seed % victims.length];
    if (victim === undefined) throw new RangeError('No image to damage.');
    process.send?.({ type: 'begin', seed });
    process.send?.({ type: 'end', seed, ...(await attackVictim(victim, seed, sound.get(victim.name))) });
  }
  process.exit();
}

function buildVictims(format: Format, folder: string): Promise<Victim[]> | Victim[] {
  if (format === 'vhd') return vhdVictims(folder);
  if (format === 'xfs') return xfsVictims();
  return format === 'vhdx' ? vhdxVictims(folder) : fileSystemVictims(format, folder);
}

async function attackVictim(victim: Victim, seed: number, sound: string | undefined): Promise<CaseReport> {
  victim.damage(seed);
  try {
    const { ending, slowest } = await (victim.attack?.() ?? attack(victim.image));
    const outcome =
      'refusal' in ending
        ? `refused, ${ending.refusal.name}: ${structureIn(ending.refusal.message)}`
        : ending.checksum === sound
          ? 'read, as it was'
          : 'read, with other contents';
    return { victim: victim.name, outcome, slowest, peakMemory: peakMemory() };
  } catch (error) {
    const fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { victim: victim.name, outcome: 'fault', fault, peakMemory: peakMemory() };
  } finally {
    victim.restore();
  }
}

/** "Cannot read BAT entry 17 of x.vhd: ..." → "read BAT entry". */
function structureIn(message: string): string {
  const what = /^Cannot (.*?)(?: of|:| in)? \//.exec(message)?.[1] ?? message.slice(0, 40);
  return what.replace(/\d+/g, 'N');
}

function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}
