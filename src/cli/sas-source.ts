// The sources of a new SAS when the current one has expired: a file, a command, or the user at the terminal.
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { RenewSas, SasRequest } from '../azure/auth/credentials.ts';
import { decodeText } from '../azure/given-text.ts';
import { printable } from '../base/printable.ts';
import { redact } from '../base/redact.ts';
import { messageOf } from '../base/thrown.ts';
import { CredentialError } from '../errors.ts';
import { askHidden } from './hidden-prompt.ts';
import { endTree } from './process-tree.ts';
import { isReadOnce, readSasText } from './sas-input.ts';

export interface SasSource {
  /** Gets the first SAS. Undefined if this source only renews. */
  readonly first?: (signal: AbortSignal) => Promise<string>;
  readonly renew: RenewSas;
}

/** Prints a line for the user. */
type Say = (message: string) => void;

/** In bytes. A SAS, or a URL with one, is much shorter. */
const MAX_OUTPUT = 64 * 1024;
/** Pause between two reads of the file while the upload waits, in milliseconds. */
const POLL_MS = 2000;
/** How long a new content of the file must stay, in milliseconds. */
const SETTLE_MS = 100;
/** Limit of the command's duration, including a sign-in, in milliseconds. */
const COMMAND_LIMIT_MS = 5 * 60_000;
/** The longest pause between two runs of the command, in milliseconds. */
const MAX_COMMAND_PAUSE_MS = 60_000;

/** Reads the SAS from a file, and reads it again when its content changes. Standard input provides only one SAS. */
export function sasFile(path: string, say: Say, pollMs: number = POLL_MS): SasSource {
  const isOnce = isReadOnce(path);
  let last: string | undefined;
  const first = async (signal: AbortSignal) => {
    if (path === '-' && process.stdin.isTTY) say('Paste a SAS, or a URL with one, and press Enter (it is not shown).');
    try {
      last = await readSasText(path, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new CredentialError(`Cannot read the SAS from ${printable(path)}: ${messageOf(error)}.`);
    }
    return last;
  };
  const read = async (signal: AbortSignal) => {
    const text = await readSasText(path, signal).catch(() => '');
    signal.throwIfAborted();
    return text;
  };
  /** Whether the file still has this content. One that was written while it was read may have given parts of two. A pipe gives it once. */
  const isStill = async (text: string, signal: AbortSignal) => {
    const isFile = await stat(path).then(
      (stats) => stats.isFile(),
      () => true,
    );
    if (!isFile) return true;
    await delay(Math.min(pollMs, SETTLE_MS), undefined, { signal });
    return (await read(signal)) === text;
  };
  const renew = async ({ signal }: SasRequest) => {
    if (isOnce && last !== undefined) return undefined;
    let isAnnounced = false;
    for (;;) {
      // While somebody replaces the file, it may be empty, locked or missing.
      const text = await read(signal);
      if (text.trim() !== '' && text !== last && (isOnce || (await isStill(text, signal)))) {
        last = text;
        return text;
      }
      if (isOnce) return undefined;
      if (!isAnnounced) say(`Waiting for a new SAS in ${printable(path)}.`);
      isAnnounced = true;
      await delay(pollMs, undefined, { signal });
    }
  };
  return { first, renew };
}

/** Runs a shell command and takes its output as the SAS. */
export function sasCommand(command: string, say: Say, limitMs: number = COMMAND_LIMIT_MS): SasSource {
  const renew = async ({ attempt, signal }: SasRequest) => {
    if (attempt > 1) await delay(Math.min(MAX_COMMAND_PAUSE_MS, 1000 * 2 ** (attempt - 2)), undefined, { signal });
    say('Running the command of --sas-command for a new SAS.');
    return await outputOf(command, signal, limitMs);
  };
  return { first: (signal) => outputOf(command, signal, limitMs), renew };
}

/** Asks the user at the terminal. */
export function sasPrompt(say: Say): SasSource {
  return {
    renew: ({ signal }) => {
      say(
        'Paste a new SAS, or a URL with one, and press Enter (it is not shown). Ctrl-C stops; the upload can be resumed later.',
      );
      return askHidden(process.stdin, signal);
    },
  };
}

/** @throws {CredentialError} if the command fails, takes too long or prints too much. The message contains neither it nor its stdout. */
async function outputOf(command: string, signal: AbortSignal, limitMs: number): Promise<string> {
  signal.throwIfAborted();
  // In its own process group, so that all processes that the shell starts can be ended with it.
  const detached = process.platform !== 'win32';
  const child = spawn(command, { shell: true, windowsHide: true, detached, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  let length = 0;
  let stderrText = '';
  // Processes that the command started may outlive it and keep its output open, so vhdup does not wait for the output to close.
  const end = () => {
    endTree(child);
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
  };
  process.once('exit', end);
  let onAbort: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  try {
    const problem = await new Promise<string | undefined>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      timer = setTimeout(() => resolve(`it took longer than ${limitMs / 60_000} minutes`), limitMs);
      child.stdout.on('data', (piece: Buffer) => {
        output.push(piece);
        length += piece.length;
        if (length > MAX_OUTPUT) resolve(`it printed more than ${MAX_OUTPUT / 1024} KiB`);
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderrText = (stderrText + text).slice(-MAX_OUTPUT);
      });
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, killedBy) => {
        isClosed = true;
        resolve(code === 0 ? undefined : `it ended with ${code === null ? killedBy : `exit code ${code}`}`);
      });
    });
    if (problem === undefined) return decodeText(Buffer.concat(output));
    throw new CredentialError(`The command of --sas-command failed: ${problem}.${lastLine(stderrText)}`);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    process.off('exit', end);
    if (!isClosed) end();
  }
}

/** The last line of stderr usually contains the reason. */
function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : ` It printed: ${printable(redact(line).slice(0, 300))}`;
}
