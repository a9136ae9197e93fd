// The hint after a command has stopped: where its progress is saved and how to resume.
import { CredentialError, EXIT_CODES, ServiceError, VhdupError } from '../errors.ts';
import type { UploadEvent } from '../events.ts';

const RESUMABLE: ReadonlySet<number> = new Set([
  EXIT_CODES.service,
  EXIT_CODES.credentials,
  EXIT_CODES.interrupted,
  EXIT_CODES.terminated,
  EXIT_CODES.hangup,
]);

/** The events that name the checkpoint of a command. */
const STARTS: ReadonlySet<string> = new Set(['start', 'start-verify', 'start-download']);

/** Whether the same command can resume after this failure. Messages of other failures contain their own next step. */
export function canResume(error: unknown): boolean {
  return error instanceof VhdupError && RESUMABLE.has(error.exitCode);
}

/** Follows the events of one command, to know whether its progress is saved. */
export class ResumeHint {
  #path: string | undefined;
  #isSaved = true;
  /** The SAS in use cannot read, so it cannot resume. */
  #isWriteOnly = false;
  readonly #command: string | undefined;

  /** @param command - The command to run again. @default the same command */
  constructor(command?: string) {
    this.#command = command;
  }

  readonly onEvent = (event: UploadEvent): void => {
    if (STARTS.has(event.type) && 'checkpoint' in event) this.#path = event.checkpoint;
    else if (event.type === 'saved') {
      // A copy of a base is saved before the upload starts.
      this.#path ??= event.checkpoint;
      this.#isSaved = true;
    } else if (event.type === 'warning' && event.code === 'checkpoint-not-saved') this.#isSaved = false;
    else if (event.type === 'warning' && event.code === 'write-only-sas') this.#isWriteOnly = true;
  };

  /** Whether there is a checkpoint, however old. */
  get hasCheckpoint(): boolean {
    return this.#path !== undefined;
  }

  /**
   * Where the progress is saved and how to resume; undefined if the same command would not resume.
   * @param restart - Whether the command had --restart, which the next command must omit.
   */
  describe(error: unknown, restart: boolean): string | undefined {
    if (!this.hasCheckpoint || !canResume(error)) return undefined;
    const saved = this.#isSaved
      ? `Progress is saved in ${this.#path}.`
      : `The latest progress could not be saved. ${this.#path} contains the progress saved before, if any.`;
    const withSas = this.#isWriteOnly ? ' with a SAS with at least sp=rw' : '';
    const again = `${restart ? 'again without --restart' : 'again'}${withSas}`;
    const command = this.#command === undefined ? '' : `\n  ${this.#command}`;
    if (error instanceof ServiceError && !error.failure.transient) {
      return `${saved} Run the same command ${again} to resume when the cause is removed.${command}`;
    }
    return error instanceof CredentialError && error.isExpired && !this.#isWriteOnly
      ? `${saved} Run the same command ${again} with a new SAS to resume. With --sas-file or --sas-command, vhdup fetches a new SAS by itself.${command}`
      : `${saved} Run the same command ${again} to resume.${command}`;
  }
}
