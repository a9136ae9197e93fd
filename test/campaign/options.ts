// Random options of an upload, and the source of its credential.
import type { Picker } from '../hostile/random.ts';

/** The source of the credential. */
export type CredentialKind = 'url' | 'container-url' | 'account-url' | 'sas-file' | 'sas-command' | 'connection-string';

/** `default` omits the option; `list` compares the page list. */
export type VerifyLevel = 'default' | 'none' | 'list' | 'full';

/** The options that a user chooses once, for every run of an upload. */
export interface RoundOptions {
  readonly leases: boolean;
  readonly credential: CredentialKind;
  readonly verify: VerifyLevel;
  readonly checksum: 'crc64' | 'md5' | 'none';
  /** Relative to the folder of the round; undefined leaves the default. */
  readonly checkpoint: string | undefined;
  readonly manifest: string | undefined;
  readonly logFile: string | undefined;
  readonly contentMd5: boolean;
  readonly createContainer: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly blobName: string;
  readonly output: readonly string[];
  /** Threads, rate, retries and time limits. */
  readonly tuning: readonly string[];
}

const MAYBE = 0.25;

export function randomOptions(pick: Picker, leases: 'on' | 'off' | 'random'): RoundOptions {
  // Drawn in any case, so that the rest of the round does not depend on --leases.
  const drawn = pick.chance(0.6);
  const createContainer = pick.chance(0.15);
  const checksum = pick.of(['crc64', 'crc64', 'crc64', 'md5', 'none'] as const);
  // A manifest contains checksums.
  const manifest = pick.chance(MAYBE) && checksum !== 'none' ? 'disk.manifest' : undefined;
  return {
    leases: leases === 'random' ? drawn : leases === 'on',
    createContainer,
    credential: createContainer
      ? pick.of(['account-url', 'connection-string'])
      : pick.of(['url', 'url', 'container-url', 'account-url', 'sas-file', 'sas-command', 'connection-string']),
    verify: pick.of(['default', 'default', 'default', 'full', 'list', 'none']),
    checksum,
    checkpoint: pick.chance(MAYBE) ? pick.of(['kept.json', 'state/disk.json']) : undefined,
    manifest,
    logFile: pick.chance(MAYBE) ? 'upload.log' : undefined,
    contentMd5: pick.chance(MAYBE),
    metadata: pick.chance(MAYBE) ? { owner: 'campaign', purpose: 'a disk, sent in pieces' } : {},
    blobName: pick.of(['disk.vhd', 'disk.vhd', 'folder/a disk.vhd', 'Größe.vhd']),
    output: pick.of([[], [], ['--json'], ['--quiet'], ['--verbose'], ['--json', '--verbose']]),
    tuning: [
      ...(pick.chance(0.6) ? ['--threads', String(pick.of([1, 2, 4, 8, 64]))] : []),
      ...(pick.chance(0.15) ? ['--max-rate', `${pick.between(20, 200)}MiB/s`] : []),
      ...(pick.chance(0.2) ? ['--retries', String(pick.below(4))] : []),
      ...(pick.chance(0.15) ? ['--give-up-after', `${pick.between(1, 5)}s`] : []),
      ...(pick.chance(0.3) ? ['--timeout', `${pick.between(1, 3)}s`] : []),
    ],
  };
}

/** The arguments of `vhdup upload` in addition to the image, the destination and the credential. */
export function argumentsOf(options: RoundOptions, verify: VerifyLevel): string[] {
  return [
    ...(verify === 'default' ? [] : ['--verify', verify === 'list' ? 'map' : verify]),
    ...(options.checksum === 'crc64' ? [] : ['--checksum', options.checksum]),
    ...(options.manifest === undefined ? [] : ['--manifest', options.manifest]),
    ...(options.logFile === undefined ? [] : ['--log-file', options.logFile]),
    ...(options.contentMd5 ? ['--content-md5'] : []),
    ...(options.createContainer ? ['--create-container'] : []),
    ...Object.entries(options.metadata).flatMap(([name, value]) => ['--metadata', `${name}=${value}`]),
    ...options.output,
    ...options.tuning,
  ];
}
