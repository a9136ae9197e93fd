// Reads one damaged image, volume or hive after another in its own process, and reports to its parent before and after each.
import { openNtfs } from '../../src/volume/file-systems/ntfs/ntfs-file-system.ts';
import { attack, openAndRead } from '../../test/hostile/attack.ts';
import { attackVolume } from '../../test/hostile/attack-volume.ts';
import { btrfsVictims } from '../../test/hostile/btrfs-victims.ts';
import { lvmVictims, swapVictims } from '../../test/hostile/disk-victims.ts';
import { fileSystemVictims } from '../../test/hostile/file-system-victims.ts';
import { attackHive } from '../../test/hostile/hive-cases.ts';
import { ntfsVictims, type VolumeVictim } from '../../test/hostile/ntfs-victims.ts';
import { vhdVictims } from '../../test/hostile/vhd-victims.ts';
import { vhdxVictims } from '../../test/hostile/vhdx-victims.ts';
import type { Victim } from '../../test/hostile/victim.ts';
import { xfsVictims } from '../../test/hostile/xfs-victims.ts';
import { type CaseReport, type Format, MAX_MEMORY, type Task } from './cases.ts';

process.once('message', (task: Task) => void run(task));
// The parent has exited.
process.once('disconnect', () => process.exit(1));

async function run({ folder, format, first, count }: Task): Promise<void> {
  process.send?.({ type: 'begin', seed: first });
  const attackOne = await attacksOn(format, folder);
  for (let seed = first; seed < first + count; seed++) {
    process.send?.({ type: 'begin', seed });
    const report = await attackOne(seed);
    // The memory of a case counts, and not what many cases leave behind until V8 collects it.
    globalThis.gc?.();
    process.send?.({ type: 'end', seed, ...report });
    // The peak of a process never falls: it would count for all cases that follow. A new process continues.
    if (report.peakMemory > MAX_MEMORY) break;
  }
  process.exit();
}

type AttackOne = (seed: number) => Promise<CaseReport>;

async function attacksOn(format: Format, folder: string): Promise<AttackOne> {
  if (format === 'hive') return attackOneHive;
  return format === 'ntfs' ? await volumeAttacks(folder) : await imageAttacks(format, folder);
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

async function imageAttacks(format: ImageFormat, folder: string): Promise<AttackOne> {
  const victims = await buildVictims(format, folder);
  const sound = new Map<string, string>();
  for (const victim of victims) {
    const { name, image } = victim;
    const ending = (await victim.attack?.())?.ending ?? (await openAndRead(image));
    if ('checksum' in ending) sound.set(name, ending.checksum);
  }
  return (seed) => {
    const victim = victimOf(victims, seed);
    return attackVictim(victim, seed, sound.get(victim.name));
  };
}

async function volumeAttacks(folder: string): Promise<AttackOne> {
  const victims = ntfsVictims(folder);
  const sound = new Map<string, string>();
  for (const { name, bytes } of victims) sound.set(name, (await attackVolume(bytes, openNtfs)).checksum);
  return (seed) => {
    const victim = victimOf(victims, seed);
    return attackVolumeVictim(victim, seed, sound.get(victim.name));
  };
}

function victimOf<Kind>(victims: readonly Kind[], seed: number): Kind {
  const victim = victims[seed % victims.length];
  if (victim === undefined) throw new RangeError('No image to damage.');
  return victim;
}

type ImageFormat = Exclude<Format, 'ntfs' | 'hive'>;

function buildVictims(format: ImageFormat, folder: string): Promise<Victim[]> | Victim[] {
  if (format === 'vhd') return vhdVictims(folder);
  if (format === 'xfs') return xfsVictims();
  if (format === 'btrfs') return btrfsVictims();
  if (format === 'lvm') return lvmVictims();
  if (format === 'swap') return swapVictims();
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
    return { victim: victim.name, outcome: 'fault', fault: faultOf(error), peakMemory: peakMemory() };
  } finally {
    victim.restore();
  }
}

/** The most bytes and reads that a volume of 12 MiB may take, whatever is wrong with it. */
const MAX_READS = 50_000;
const MAX_BYTES = 256 * 1024 * 1024;

async function attackVolumeVictim(victim: VolumeVictim, seed: number, sound: string | undefined): Promise<CaseReport> {
  const report = { victim: victim.name, peakMemory: peakMemory() };
  const start = process.cpuUsage();
  try {
    const { checksum, refusal, unreadable, reads, bytesRead } = await attackVolume(victim.damaged(seed), openNtfs);
    if (reads > MAX_READS || bytesRead > MAX_BYTES) throw new Error(`${reads} reads of ${bytesRead} bytes`);
    const read = checksum === sound ? 'read, as it was' : unreadable > 0 ? 'read in part' : 'read, with other contents';
    const outcome = refusal === undefined ? read : `refused: ${refusal.replace(/\d+/g, 'N')}`;
    // A volume in memory is read without waiting, so the time of the processor is all of it, even on a busy machine.
    const { user, system } = process.cpuUsage(start);
    const slowest = { operation: 'read all', ms: (user + system) / 1000 };
    return { ...report, outcome, slowest, peakMemory: peakMemory() };
  } catch (error) {
    return { ...report, outcome: 'fault', fault: faultOf(error) };
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
