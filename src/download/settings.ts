// The options of a download, checked.
import { UsageError } from '../errors.ts';
import type { DownloadOptions } from '../options.ts';
import { readAccessOf } from '../remote/read-target.ts';
import { LOCAL_IMAGE_FORMATS } from '../target/local-image.ts';
import { concurrencyOf } from '../transfer/concurrency-limits.ts';
import { checkChecksum, checkMaxRate, checkRetryOptions, sparseOf } from '../validate-options.ts';

/** Checks the options. @throws {UsageError | CredentialError} */
export function settingsOf(options: DownloadOptions) {
  checkRetryOptions(options);
  const { source, output, format = 'vhd', verify = 'content' } = options;
  if (!LOCAL_IMAGE_FORMATS.includes(format)) {
    throw new UsageError(`format must be one of ${LOCAL_IMAGE_FORMATS.join(', ')}, but is ${format}.`);
  }
  if (verify !== 'none' && verify !== 'content') {
    throw new UsageError(`verify must be none or content, but is ${String(verify)}.`);
  }
  const { maxRate: _, ...others } = options;
  const reading = {
    ...others,
    ...(source === undefined ? {} : { destination: source }),
    maxReadRate: checkMaxRate(options.maxRate),
  };
  return {
    reading,
    access: readAccessOf(reading, { name: 'The source', command: 'A download' }),
    concurrency: concurrencyOf(options.threads),
    checksum: checkChecksum(options.checksum),
    sparse: sparseOf(options.sparse),
    overwrite: options.overwrite === true,
    signal: options.signal ?? new AbortController().signal,
    restart: options.restart === true,
    threads: options.threads ?? ('auto' as const),
    manifest: options.manifest,
    ...{ output, format, verify },
  };
}

export type Settings = ReturnType<typeof settingsOf>;
