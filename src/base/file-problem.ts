// Explains why an operation on a file failed, and gives the next step. One table covers all files that vhdup creates.
import { codeOf } from './thrown.ts';

/** vhdup refuses to use a file on purpose, because it is not what it should be. */
export class FileRefusal extends Error {
  /** The next step, as a sentence. Empty if only another file helps. */
  readonly help: string;

  /** @param reason - "it is not a regular file" */
  constructor(reason: string, help = '') {
    super(reason);
    this.help = help;
  }
}

interface Problem {
  readonly reason: string;
  /** The next step. The option that names the file is inserted after the text in braces. */
  readonly help: string;
}

const ELSEWHERE = 'Name {a file in another folder}.';
const SHARE_AWAY: Problem = {
  reason: 'the network share does not answer',
  help: 'Wait until it is back and run the same command again, or name {a file on another disk}.',
};
const HELD: Problem = {
  reason: 'another program has it open, for example an antivirus, a backup or an editor',
  help: 'Close it there and run the same command again, or name {another file}.',
};
const TOO_MANY_OPEN: Problem = {
  reason: 'too many files are open',
  help: 'Close other programs or raise the limit (ulimit -n), and run the same command again.',
};

/** Sources: errno(3); open(2), rename(2), link(2) and fsync(2) for the meaning of each code. */
const PROBLEMS: Readonly<Record<string, Problem>> = {
  EACCES: { reason: 'permission denied', help: 'Name {a file in a folder that you can write to}.' },
  EPERM: { reason: 'the operation is not permitted', help: 'Name {a file in a folder that you can write to}.' },
  EROFS: { reason: 'the file system is read-only', help: 'Name {a file on another disk}.' },
  ENOSPC: { reason: 'the disk is full', help: 'Free some space, or name {a file on another disk}.' },
  EDQUOT: { reason: 'the disk quota is used up', help: 'Free some space, or name {a file on another disk}.' },
  EFBIG: {
    reason: 'the file is too large for its file system',
    help: 'FAT32 supports files of less than 4 GiB: name {a file on another disk}.',
  },
  EEXIST: { reason: 'the file exists', help: 'Name {another file}.' },
  ENOENT: { reason: 'there is no such folder', help: 'Create it, or name {a file in another folder}.' },
  ENOTDIR: { reason: 'a part of its path is not a folder', help: ELSEWHERE },
  EISDIR: { reason: 'it is a folder', help: 'Name {a file}.' },
  ENOTEMPTY: { reason: 'it is a folder', help: 'Name {a file}.' },
  ELOOP: { reason: 'its path has too many symbolic links', help: 'Name {the file itself}.' },
  ENAMETOOLONG: { reason: 'its name or its path is too long', help: 'Name {a file with a shorter path}.' },
  EINVAL: { reason: 'the file system does not accept the name or the size', help: 'Name {another file}.' },
  EILSEQ: { reason: 'the file system does not accept the characters of its name', help: 'Name {another file}.' },
  EMFILE: TOO_MANY_OPEN,
  ENFILE: TOO_MANY_OPEN,
  EBUSY: HELD,
  ETXTBSY: HELD,
  EAGAIN: HELD,
  EIO: {
    reason: 'the disk reports an input/output error',
    help: 'Check the disk and the system log, or name {a file on another disk}.',
  },
  ENXIO: { reason: 'it is not a regular file', help: 'Name {another file}.' },
  ENODEV: { reason: 'the disk is no longer there', help: ELSEWHERE },
  ESTALE: {
    reason: 'the network share has lost the file',
    help: 'Mount the share again and run the same command again, or name {a file on another disk}.',
  },
  ETIMEDOUT: SHARE_AWAY,
  EHOSTDOWN: SHARE_AWAY,
  EHOSTUNREACH: SHARE_AWAY,
  ENETDOWN: SHARE_AWAY,
  ENETUNREACH: SHARE_AWAY,
  ENOTCONN: SHARE_AWAY,
  ECONNREFUSED: SHARE_AWAY,
  ECONNRESET: SHARE_AWAY,
};

/** On Windows, a file that another program has open looks like a missing permission. */
const WINDOWS_HELD: Problem = {
  reason: `${HELD.reason}, or permission is missing`,
  help: HELD.help,
};

/** Whether the operating system or vhdup itself refused an operation on a file. Any other error is a bug. */
export function isFileProblem(error: unknown): error is Error {
  return error instanceof FileRefusal || (error instanceof Error && 'errno' in error && error.errno !== undefined);
}

/** "the disk is full (ENOSPC)", or the text of Node, without a full stop. */
export function fileProblemReason(error: Error): string {
  const code = codeOf(error) ?? '';
  const problem = problemOf(code);
  // The text of Node contains the code, the call and the paths.
  return problem === undefined ? error.message.replace(/\.$/, '') : `${problem.reason} (${code})`;
}

function problemOf(code: string): Problem | undefined {
  return Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
}

/**
 * The reason and the next step, to follow the colon of "Cannot write the checkpoint disk.json: ". Ends with a full stop.
 * @param option - The option that names the file, such as "--checkpoint". @default an argument names it
 */
export function explainFileProblem(
  error: Error,
  option?: string,
  platform: NodeJS.Platform = process.platform,
): string {
  const name = (help: string) =>
    help.replace(/\{(.+)\}/, (_, place: string) => (option === undefined ? place : `${place} with ${option}`));
  if (error instanceof FileRefusal) {
    return `${error.message}. ${error.help === '' ? name('Name {another file}.') : error.help}`;
  }
  const code = codeOf(error) ?? '';
  if (platform === 'win32' && (code === 'EPERM' || code === 'EACCES')) {
    return `${WINDOWS_HELD.reason} (${code}). ${name(WINDOWS_HELD.help)}`;
  }
  return `${fileProblemReason(error)}. ${name(problemOf(code)?.help ?? 'Name {another file}.')}`;
}
