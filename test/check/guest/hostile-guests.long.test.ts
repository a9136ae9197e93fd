// Damages file systems at random places, from fixed seeds. The reader may fail, but must not hang or crash the process.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type GuestEntry, GuestUnreadableError } from '../../../src/check/guest/guest-file-system.ts';
import { GuestFiles } from '../../../src/check/guest/guest-files.ts';
import { EFI, GOLDEN_EFI, GOLDEN_FILES } from '../../support/golden-linux.ts';
import { makeDisk, NO_DISK_TOOLS } from '../../support/guest-disk.ts';
import { volumeOfBytes } from '../../support/memory-volume.ts';

const MUTATIONS = 150;

const EXT_PATHS = [
  '/',
  '/etc',
  '/etc/fstab',
  '/etc/os-release',
  '/etc/ssh/sshd_config.d',
  '/root/.bash_history',
  '/none',
];
const FAT_PATHS = ['/', '/EFI', '/EFI/BOOT/BOOTX64.EFI', '/EFI/debian', '/none'];

/** Returns pseudo-random numbers (mulberry32): the same seed gives the same numbers. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Overwrites a few bytes in sectors that are not all zeros, because the reader skips the others. */
function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  const random = randomOf(seed);
  const used: number[] = [];
  for (let at = 0; at < bytes.length; at += 512) {
    if (bytes.subarray(at, at + 512).some((byte) => byte !== 0)) used.push(at);
  }
  const damaged = new Uint8Array(bytes);
  const changes = 1 + Math.floor(random() * 12);
  for (let change = 0; change < changes; change++) {
    const sector = used[Math.floor(random() * used.length)] ?? 0;
    const at = sector + Math.floor(random() * 512);
    const length = 1 + Math.floor(random() * 8);
    const value = [0, 0xff, 0x80, Math.floor(random() * 256)][Math.floor(random() * 4)] ?? 0;
    damaged.fill(value, at, at + length);
  }
  return random() < 0.1 ? damaged.subarray(0, Math.floor((random() * damaged.length) / 512) * 512) : damaged;
}

type Outcome = GuestEntry['kind'] | 'unreadable';

async function lookAt(type: string, bytes: Uint8Array, paths: readonly string[]): Promise<Outcome[]> {
  const files = new GuestFiles({ type, bytes: volumeOfBytes(bytes) });
  try {
    const outcomes: Outcome[] = [];
    for (const path of paths) {
      outcomes.push(
        await files.look(path).then(
          (entry) => entry.kind,
          (error: unknown) => {
            if (error instanceof GuestUnreadableError) return 'unreadable';
            throw error;
          },
        ),
      );
    }
    return outcomes;
  } finally {
    files.close();
  }
}

async function attack(type: string, path: string, paths: readonly string[]): Promise<Map<Outcome, number>> {
  const bytes = new Uint8Array(await readFile(path));
  const counts = new Map<Outcome, number>();
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    for (const outcome of await lookAt(type, mutate(bytes, seed), paths)) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
  }
  return counts;
}

describe.skipIf(NO_DISK_TOOLS !== undefined)(`damaged file systems ${NO_DISK_TOOLS ?? ''}`, () => {
  const timeout = 600_000;

  it(`give a result or a vhdup error after ${MUTATIONS} mutations of ext4`, { timeout }, async () => {
    const mkfs = ['-b', '1024', '-O', '^metadata_csum'];
    const root = { size: 4, type: '', fileSystem: 'ext4', files: GOLDEN_FILES, mkfs } as const;
    const counts = await attack('ext4', await makeDisk({ table: 'none', size: 4, partitions: [root] }), EXT_PATHS);
    expect(counts.get('unreadable')).toBeGreaterThan(0);
    expect(counts.get('file')).toBeGreaterThan(0);
  });

  it(`give a result or a vhdup error after ${MUTATIONS} mutations of FAT`, { timeout }, async () => {
    const efi = { ...EFI, size: 4, files: GOLDEN_EFI };
    const counts = await attack('fat12', await makeDisk({ table: 'none', size: 4, partitions: [efi] }), FAT_PATHS);
    expect(counts.get('unreadable')).toBeGreaterThan(0);
    expect(counts.get('file')).toBeGreaterThan(0);
  });
});
