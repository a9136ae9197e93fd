// Where the command line has another SAS from when the one in use has ended: a file, a command, or the person at the terminal.
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { RenewSas, SasRequest } from '../azure/auth/credentials.ts';
import { printable } from '../base/printable.ts';
import { redact } from '../base/redact.ts';
import { CredentialError } from '../errors.ts';
import { askHidden } from './hidden-prompt.ts';

export interface SasSource {
  /** The SAS to begin with. Undefined where there is none to begin with. */
  readonly first?: (signal: AbortSignal) => Promise<string>;
  readonly renew: RenewSas;
}

/** Prints a line for the user. */
type Say = (message: string) => void;

/** A SAS, or a URL that ends in one, is much shorter, in bytes. */
const MAX_SAS = 64 * 1024;
/** How often the file is looked at while the upload waits, in milliseconds. */
const POLL_MS = 2000;
/** How long the command may take, in milliseconds: signing in anew included. */
const COMMAND_LIMIT_MS = 5 * 60_000;
/** The longest pause between two runs of the command, in milliseconds. */
const MAX_COMMAND_PAUSE_MS = 60_000;

/** Takes what is new in the file: at once, or as soon as somebody replaces its content. */
export function sasFile(path: string, say: Say, pollMs: number = POLL_MS): SasSource {
  let last: string | undefined;
  const first = async () => {
    try {
      last = await readStart(path);
    } catch (error) {
      throw new CredentialError(`Cannot read the SAS from ${printable(path)}: ${(error as Error).message}.`);
    }
    return last;
  };
  const renew = async ({ signal }: SasRequest) => {
    let hasSaid = false;
    for (;;) {
      // While somebody replaces it, the file may be empty, held, or away.
      const text = await readStart(path).catch(() => '');
      if (text.trim() !== '' && text !== last) {
        last = text;
        return text;
      }
      if (!hasSaid) say(`Waiting for a new SAS in ${printable(path)}.`);
      hasSaid = true;
      await delay(pollMs, undefined, { signal });
    }
  };
  return { first, renew };
}

/** Takes what a command of the shell prints. */
export function sasCommand(command: string, say: Say): SasSource {
  const renew = async ({ attempt, signal }: SasRequest) => {
    if (attempt > 1) await delay(Math.min(MAX_COMMAND_PAUSE_MS, 1000 * 2 ** (attempt - 2)), undefined, { signal });
    say('Running the command of --sas-command for a new SAS.');
    return await outputOf(command, signal);
  };
  return { first: (signal) => outputOf(command, signal), renew };
}

/** Asks the person at the terminal. */
export function sasPrompt(say: Say): SasSource {
  return {
    renew: ({ signal }) => {
      say(
        'Paste a new SAS, or a URL with one, and press Enter (it is not shown). Ctrl-C stops; the upload can go on later.',
      );
      return askHidden(process.stdin, signal);
    },
  };
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MAX_SAS), position: 0 });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** @throws {CredentialError} the command fails, takes too long, or prints nothing. Shows neither it nor its output. */
async function outputOf(command: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  // A group of its own, so that all that the shell starts can be ended with it.
  const isGroup = process.platform !== 'win32';
  const child = spawn(command, {
    shell: true,
    windowsHide: true,
    detached: isGroup,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.length <= MAX_SAS) output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-MAX_SAS);
  });
  const end = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(isGroup ? -child.pid : child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, COMMAND_LIMIT_MS);
  signal.addEventListener('abort', end, { once: true });
  try {
    const problem = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, killedBy) => {
        resolve(code === 0 ? undefined : `it ended with ${code === null ? killedBy : `exit code ${code}`}`);
      });
    });
    signal.throwIfAborted();
    const why = isLate ? `it took longer than ${COMMAND_LIMIT_MS / 60_000} minutes` : problem;
    if (why === undefined) return output;
    throw new CredentialError(`The command of --sas-command failed: ${why}.${lastLine(complaint)}`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

/** What a failing program says last is most often why. */
function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : ` It said: ${printable(redact(line).slice(0, 300))}`;
}
