// Options that several commands take, in the form yargs wants, and how their texts become values.
import type { Argv, Options } from 'yargs';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from '../../base/page-run.ts';
import { UsageError } from '../../errors.ts';
import { parseDuration, parseRate } from '../screens/units.ts';

export const OUTPUT_OPTIONS = {
  json: { type: 'boolean', default: false, describe: 'Print events and the result as JSON, one object a line' },
  quiet: { alias: 'q', type: 'boolean', default: false, describe: 'Print nothing but errors, on stderr' },
  verbose: {
    alias: 'v',
    type: 'boolean',
    default: false,
    describe: 'Print every retry and why things are as they are',
  },
  progress: { type: 'boolean', default: true, describe: 'Show progress; --no-progress hides it' },
} as const satisfies Record<string, Options>;

export const IMAGE_OPTIONS = {
  format: {
    choices: ['raw'] as const,
    requiresArg: true,
    describe: 'Take the image as a raw disk; without it, its content says what it is',
  },
  'parent-path': {
    type: 'string',
    array: true,
    nargs: 1,
    requiresArg: true,
    default: [] as string[],
    describe: 'Folder or file to look in first for the parents of a differencing image; may be given again',
  },
  'allow-network-parents': {
    type: 'boolean',
    default: false,
    describe: 'Open parents on the network where the image says so: this sends your credentials to that host',
  },
  'trust-unmarked-sectors': {
    type: 'boolean',
    default: false,
    describe: 'Take data that a dynamic VHD holds but marks as never written',
  },
} as const satisfies Record<string, Options>;

export const THREADS_OPTION = {
  alias: 't',
  type: 'string',
  requiresArg: true,
  default: 'auto',
  describe: 'Requests of 4 MiB in flight at most, 1 to 64, or as many as pay',
} as const satisfies Options;

export const LOG_OPTION = {
  'log-file': {
    type: 'string',
    requiresArg: true,
    describe: 'Append every request and event, as JSON, to this file',
  },
} as const satisfies Record<string, Options>;

/** Of verbs that speak to the service. */
export const SERVICE_OPTIONS = {
  checksum: {
    choices: CHECKSUM_ALGORITHMS,
    default: 'crc64' as const,
    describe: 'What each request is checked with',
  },
  retries: {
    type: 'string',
    requiresArg: true,
    describe: 'Tries after the first for one request  [no limit but --give-up-after]',
  },
  'give-up-after': {
    type: 'string',
    requiresArg: true,
    default: '12h',
    describe: 'Give up when nothing was acknowledged for so long',
  },
  timeout: {
    type: 'string',
    requiresArg: true,
    default: '60s',
    describe: 'Give up a connection that moves no byte for so long, and try again',
  },
} as const satisfies Record<string, Options>;

export interface ServiceArguments {
  readonly checksum: ChecksumAlgorithm;
  readonly retries: string | undefined;
  readonly giveUpAfter: string;
  readonly timeout: string;
}

/** @throws {UsageError} a number or a duration that is none. */
export function serviceOptions(args: ServiceArguments) {
  return {
    checksum: args.checksum,
    ...(args.retries === undefined ? {} : { retries: wholeNumber('retries', args.retries) }),
    giveUpAfterMs: durationMs('give-up-after', args.giveUpAfter),
    stallTimeoutMs: durationMs('timeout', args.timeout),
  };
}

export interface ImageArguments {
  readonly format: 'raw' | undefined;
  readonly parentPath: string[];
  readonly allowNetworkParents: boolean;
  readonly trustUnmarkedSectors: boolean;
}

export function imageOptions(args: ImageArguments) {
  return {
    ...(args.format === undefined ? {} : { format: args.format }),
    parentPaths: args.parentPath,
    allowNetworkParents: args.allowNetworkParents,
    trustUnmarkedSectors: args.trustUnmarkedSectors,
  };
}

/** @throws {UsageError} not a whole number. */
export function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text.trim())) throw new UsageError(`--${name} must be a whole number, but is "${text}".`);
  return Number(text);
}

/** @throws {UsageError} neither a whole number nor `auto`. */
export function threadsOf(text: string): number | 'auto' {
  return text === 'auto' ? text : wholeNumber('threads', text);
}

/** @throws {UsageError} not a rate. */
export function rateOf(name: string, text: string): number {
  const rate = parseRate(text);
  if (rate === undefined)
    throw new UsageError(`--${name} must be a rate such as 20MiB/s or 800KiB/s, but is "${text}".`);
  return rate;
}

/** @throws {UsageError} not a duration. */
export function durationMs(name: string, text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) {
    throw new UsageError(`--${name} must be a duration such as 90s, 15m or 12h, but is "${text}".`);
  }
  return milliseconds;
}

/** An option that was given twice where one value is wanted: yargs makes a list of it. */
export function refuseRepeated(yargs: Argv): Argv {
  return yargs.check((args) => {
    for (const [name, value] of Object.entries(args)) {
      if (Array.isArray(value) && !['_', 'parent-path', 'parentPath', 'metadata', 'm'].includes(name)) {
        throw new UsageError(`--${name} was given more than once.`);
      }
    }
    return true;
  });
}
