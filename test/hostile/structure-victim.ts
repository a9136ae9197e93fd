// Victims whose metadata consists of structures at known places: each seed damages some of them, and most get a valid checksum again.
import { readFileSync } from 'node:fs';
import { attackFileSystem } from './file-system-attack.ts';
import { Picker } from './random.ts';
import type { Victim } from './victim.ts';

/** In bytes of the volume. */
export interface Structure {
  readonly offset: number;
  readonly length: number;
}

export interface StructureDamage<S extends Structure> {
  /** Type of the file system, as `openerOf` knows it. */
  readonly type: string;
  readonly choose: (pick: Picker) => S;
  readonly change: (structure: S, pick: Picker) => void;
  /** Gives a structure its checksum again. */
  readonly seal: (structure: S) => void;
}

export function structureVictim<S extends Structure>(
  name: string,
  bytes: Buffer,
  { type, choose, change, seal }: StructureDamage<S>,
): Victim {
  /** The damaged structures as they were, in the order of the damage. */
  const originals: { readonly offset: number; readonly bytes: Buffer }[] = [];
  return {
    name,
    image: name,
    damage: (seed) => {
      const pick = new Picker(seed);
      for (let count = pick.between(1, 4); count > 0; count--) {
        const structure = choose(pick);
        const { offset, length } = structure;
        originals.push({ offset, bytes: Buffer.from(bytes.subarray(offset, offset + length)) });
        change(structure, pick);
        if (pick.chance(0.9)) seal(structure);
      }
    },
    restore: () => {
      for (let one = originals.pop(); one !== undefined; one = originals.pop()) bytes.set(one.bytes, one.offset);
    },
    attack: async () => await attackFileSystem(type, bytes),
  };
}

/** Changes a byte, or puts one of the values (in hexadecimal) there. @param at From the beginning of the structure. */
export function changeValue(
  bytes: Buffer,
  { offset, length }: Structure,
  at: number,
  values: readonly string[],
  pick: Picker,
): void {
  if (pick.chance(0.45)) bytes.writeUInt8(pick.below(256), offset + at);
  else bytes.set(Buffer.from(pick.of(values), 'hex').subarray(0, length - at), offset + at);
}

/** The contents of a volume, whose file is then removed. */
export function takeBytes(made: { readonly path: string; remove(): void }): Buffer {
  const bytes = readFileSync(made.path);
  made.remove();
  return bytes;
}

/** Attacks each victim whole, with each seed, and whole again, which must end in the same way. @returns how the others ended. */
export async function endingsOf(victims: readonly Victim[], seeds: number): Promise<string[]> {
  const endings = new Set<string>();
  for (const victim of victims) {
    const whole = await victim.attack?.();
    if (whole === undefined || !('checksum' in whole.ending)) throw new Error(`${victim.name} cannot be read.`);
    for (let seed = 0; seed < seeds; seed++) {
      victim.damage(seed);
      const attacked = await victim.attack?.();
      if (attacked !== undefined) endings.add(Object.keys(attacked.ending).join());
      victim.restore();
    }
    const again = await victim.attack?.();
    if (JSON.stringify(again?.ending) !== JSON.stringify(whole.ending)) throw new Error(`${victim.name} has changed.`);
  }
  return [...endings].sort();
}
