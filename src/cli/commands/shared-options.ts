// Options that several commands share, in the form that yargs expects, and the parsers of their values.
import type { Options } from 'yargs';
import { isUrl } from '../../azure/given-text.ts';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from '../../base/page-run.ts';
import { SKIP_FREE_MODES, type SkipFree } from '../../base/skip-free.ts';
import { UsageError } from '../../errors.ts';
import { parseDuration } from '../screens/units.ts';

/** The positional argument of every command. */
export const IMAGE = { type: 'string', demandOption: true, describe: 'Disk image: VHD, VHDX or raw' } as const;

export const DESTINATION = {
  type: 'string',
  describe: 'URL of the blob, with or without a SAS; or container/blob in the account that the environment names',
} as const;

/** The output options of every command. */
export const OUTPUT_OPTIONS = {
  json: { type: 'boolean', default: false, describe: 'Print events and the result as JSON, one object per line' },
  quiet: { alias: 'q', type: 'boolean', default: false, describe: 'Print errors only, on stderr' },
  verbose: {
    alias: 'v',
    type: 'boolean',
    default: false,
    describe: 'Also print every retry and the reasons for decisions',
  },
  progress: { type: 'boolean', default: true, describe: 'Show progress; --no-progress hides it' },
} as const satisfies Record<string, Options>;

export const IMAGE_OPTIONS = {
  format: {
    choices: ['raw'] as const,
    requiresArg: true,
    describe: 'Read the image as a raw disk  [detected from its content]',
  },
  'parent-path': {
    type: 'string',
    array: true,
    nargs: 1,
    requiresArg: true,
    default: [] as string[],
    describe: 'Folder or file to search first for the parents of a differencing image; can be repeated',
  },
  'allow-network-parents': {
    type: 'boolean',
    default: false,
    describe: 'Open parents on network paths that the image names. This sends your credentials to that host',
  },
  'trust-unmarked-sectors': {
    type: 'boolean',
    default: false,
    describe: 'Include sectors of a dynamic VHD that contain data but are marked as unwritten',
  },
} as const satisfies Record<string, Options>;

export const THREADS_OPTION = {
  alias: 't',
  type: 'string',
  requiresArg: true,
  default: 'auto',
  describe: 'Concurrent requests, 1 to 64 (at most 51 of a full 4 MiB), or auto: adapts to the connection',
} as const satisfies Options;

/** Without a value it means `all`. */
export const SKIP_FREE_OPTION = {
  'skip-free': {
    choices: SKIP_FREE_MODES,
    describe: 'Leave out free space of clean file systems, and what page and swap files hold; =free keeps these files',
  },
} as const satisfies Record<string, Options>;

export function skipFreeOptions({ skipFree }: { readonly skipFree: SkipFree | undefined }) {
  return skipFree === undefined ? {} : { skipFree };
}

/** @param what - upload or download. */
export function maxRateOption(what: string) {
  return {
    'max-rate': {
      type: 'string',
      requiresArg: true,
      describe: `Limit of the ${what} rate, such as 20MiB/s, 100Mbit/s or "08:00,10Mbit/s 18:00,off"  [no limit]`,
    },
  } as const satisfies Record<string, Options>;
}

export const LOG_OPTION = {
  'log-file': {
    type: 'string',
    requiresArg: true,
    describe: 'Append every request and event to this file, as JSON',
  },
} as const satisfies Record<string, Options>;

export const REPORT_OPTION = {
  report: {
    type: 'string',
    requiresArg: true,
    describe: 'Write a report to this file at the end, as one page of HTML',
  },
} as const satisfies Record<string, Options>;

export const CLOUD_OPTION = {
  cloud: {
    type: 'string',
    requiresArg: true,
    describe: 'AzureCloud, AzureChinaCloud or AzureUSGovernment  [that of the host or --arm-endpoint, or AzureCloud]',
  },
} as const satisfies Record<string, Options>;

/** The option of commands that move data for a long time. */
export const SLEEP_OPTION = {
  'allow-sleep': {
    type: 'boolean',
    default: false,
    describe: 'Let an idle computer go to sleep meanwhile',
  },
} as const satisfies Record<string, Options>;

/** The options of commands that send requests. */
export const RETRY_OPTIONS = {
  retries: {
    type: 'string',
    requiresArg: true,
    describe: 'Retries of one request  [no limit except --give-up-after]',
  },
  'give-up-after': {
    type: 'string',
    requiresArg: true,
    default: '12h',
    describe: 'Fail after this long without a successful request',
  },
  timeout: {
    type: 'string',
    requiresArg: true,
    default: '60s',
    describe: 'Close a connection that transfers nothing for this long, and retry',
  },
} as const satisfies Record<string, Options>;

/** The options of commands that move data to or from the service. */
export const SERVICE_OPTIONS = {
  checksum: {
    choices: CHECKSUM_ALGORITHMS,
    default: 'crc64' as const,
    describe: 'Checksum that protects each request',
  },
  ...RETRY_OPTIONS,
} as const satisfies Record<string, Options>;

export interface RetryArguments {
  readonly retries: string | undefined;
  readonly giveUpAfter: string;
  readonly timeout: string;
}

export interface ServiceArguments extends RetryArguments {
  readonly checksum: ChecksumAlgorithm;
}

/** @throws {UsageError} if a number or a duration is not valid. */
export function serviceOptions(args: ServiceArguments) {
  return { checksum: args.checksum, ...retryOptions(args) };
}

/** @throws {UsageError} if a number or a duration is not valid. */
export function retryOptions(args: RetryArguments) {
  return {
    ...(args.retries === undefined ? {} : { retries: wholeNumber('retries', args.retries) }),
    giveUpAfterMs: durationMs('give-up-after', args.giveUpAfter),
    stallTimeoutMs: durationMs('timeout', args.timeout),
  };
}

export interface ImageArguments {
  readonly image: string;
  readonly format: 'raw' | undefined;
  readonly parentPath: string[];
  readonly allowNetworkParents: boolean;
  readonly trustUnmarkedSectors: boolean;
}

/** @throws {UsageError} the image is a URL. The message does not show it: it may contain a SAS. */
export function imageOptions(args: ImageArguments) {
  if (isUrl(args.image)) {
    throw new UsageError(
      'The image is a URL, but images are local files. If the URL is the destination, write it after the image. To read a blob, save it to a file first: vhdup download <source> <file>.',
    );
  }
  return {
    image: args.image,
    ...(args.format === undefined ? {} : { format: args.format }),
    parentPaths: args.parentPath,
    allowNetworkParents: args.allowNetworkParents,
    trustUnmarkedSectors: args.trustUnmarkedSectors,
  };
}

/** @throws {UsageError} if `text` is not a whole number. */
export function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text.trim())) throw new UsageError(`--${name} must be a whole number, but is "${text}".`);
  return Number(text);
}

/** @throws {UsageError} if `text` is neither a whole number nor `auto`. */
export function threadsOf(text: string): number | 'auto' {
  return text === 'auto' ? text : wholeNumber('threads', text);
}

/** @throws {UsageError} if `text` is not a duration. */
export function durationMs(name: string, text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) {
    throw new UsageError(`--${name} must be a duration such as 90s, 15m, 12h or 30d, but is "${text}".`);
  }
  return milliseconds;
}

/**
 * Texts of the form name=value.
 * @throws {UsageError} a text has another form, or a name is repeated.
 */
export function pairsOf(name: string, texts: readonly string[]): Record<string, string> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new UsageError(`--${name} must have the form name=value, but is "${text}".`);
    const key = text.slice(0, equals);
    if (pairs.has(key)) throw new UsageError(`--${name} ${key} was given more than once.`);
    pairs.set(key, text.slice(equals + 1));
  }
  return Object.fromEntries(pairs);
}
