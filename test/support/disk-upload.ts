// Uploads to managed disks on loopback: an image with known contents, the servers of the current test, and what a disk holds.
import { join } from 'node:path';
import { afterAll, beforeEach, expect } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { NewDisk, UploadOptions } from '../../src/options.ts';
import { type ManagedDisks, startManagedDisks } from './managed-disks.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from './vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from './vhd-fixtures.ts';

export const MIB = 1024 * 1024;
/** Virtual size of the image in bytes. */
export const SIZE = 24 * MIB;
/** Bytes of data at the start of each window with data. */
export const DATA = MIB / 4;
export const CONTENTS = [0, 4, 8, 16, 20].map((offset, index) => ({
  offset: offset * MIB,
  bytes: patternOf(index, DATA),
}));
export const NAME = 'web01-os';

/** The servers of the current test. */
export let servers: ManagedDisks;

/** Call once in the test file: each test gets new servers. */
export function useManagedDisks(): void {
  // Polling has tests of its own, and would take seconds here.
  beforeEach(() => restartManagedDisks({ longRunning: { mode: 'at-once' } }));
  afterAll(() => servers.close());
}

/** Replaces the servers of the current test. */
export async function restartManagedDisks(options?: Parameters<typeof startManagedDisks>[0]): Promise<void> {
  await servers?.close();
  servers = await startManagedDisks(options);
}

export async function makeImage() {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(1) });
  return { path, checkpoint: `${path}.vhdup.json`, disk: diskOf(SIZE, CONTENTS) };
}

/** Where Azure Resource Manager is, and how to sign in. */
export function armOf() {
  return {
    resourceGroup: 'rg',
    subscription: servers.subscription,
    armEndpoint: servers.armEndpoint,
    credential: { kind: 'token', source: servers.credential },
    retryDelayMs: 1,
    maxRetryDelayMs: 20,
    threads: 1,
  } as const;
}

/** Options that create the disk `NAME` and upload to it. */
export function newDiskOptions(image: string, more: Partial<UploadOptions> = {}, disk: Partial<NewDisk> = {}) {
  return { image, disk: { name: NAME, location: 'westeurope', ...disk }, ...armOf(), ...more };
}

export const diskThere = () => servers.arm.resources.disk(NAME);
/** How often a request was made: "arm EndGetAccess". */
export const callsOf = (name: string) => servers.calls.filter((call) => call === name).length;

/** Expects a finished disk with this content. */
export function expectDiskHolds(disk: Uint8Array, state = 'Unattached'): void {
  expect(diskThere().state).toBe(state);
  expectSameBytes(diskThere().content.read(0, SIZE), disk);
  expect(diskThere().content.read(SIZE, 8).toString('latin1')).toBe('conectix');
  expect(servers.violations).toEqual([]);
}

/** Writes as another program with a SAS for the disk does. */
export function writeForeign(offset: number, length: number): void {
  const { pages } = diskThere();
  if (pages === undefined) throw new Error('Nobody has access to the disk.');
  servers.disks.writePages(pages, offset, patternOf(99, length));
}

/** Collects the codes of warnings. */
export function warningsIn(): { readonly codes: string[]; readonly onEvent: (event: UploadEvent) => void } {
  const codes: string[] = [];
  return {
    codes,
    onEvent: (event) => {
      if (event.type === 'warning') codes.push(event.code);
    },
  };
}
