// The state of a round: a folder, an image, a server with a blob, and everything that has happened so far.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PageBlobServer } from '../support/page-blob-server/server.ts';
import { accountSas, sasUrl } from '../support/storage-account.ts';
import type { Extra } from './advice.ts';
import type { ForeignWrite } from './foreign.ts';
import type { CampaignImage } from './images.ts';
import { argumentsOf, type RoundOptions, type VerifyLevel } from './options.ts';
import type { Running } from './process.ts';
import type { Tally } from './report.ts';

const HOUR_MS = 60 * 60 * 1000;
const SAS_FILE = 'sas.txt';

/** A command line and its environment. */
export interface Command {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export class World {
  readonly root: string;
  /** Folder of the image and the files beside it. It may move. */
  folder: string;
  readonly server: PageBlobServer;
  readonly options: RoundOptions;
  readonly tally: Tally;
  readonly image: CampaignImage;
  /** Image of a second uploader, if the plan needs another one. */
  other: CampaignImage | undefined;
  /** The disk as qemu-img reads it now, padded to a whole MiB. */
  disk: Buffer;
  /** Relative to the folder; undefined is the default. */
  checkpoint: string | undefined;
  /** Checkpoints that a message said to keep. */
  readonly retired: string[] = [];
  /** Copies of earlier checkpoints. */
  readonly copies: Buffer[] = [];
  /** The options that messages have asked for so far. */
  extra: Extra = {};
  readonly foreignWrites: ForeignWrite[] = [];
  readonly steps: string[] = [];
  /** Signatures and keys, in all forms in which they could appear. */
  readonly secrets = new Set<string>();
  /** Processes that have not ended. */
  readonly running = new Set<Running>();
  runs = 0;
  currentRun: number | undefined;
  /** Length of the server's log when the run started. */
  #runStart = 0;
  readonly #startMs = performance.now();
  #sas = '';
  #sasCount = 0;
  #moves = 0;
  #seconds = 0;

  constructor(parts: Pick<World, 'root' | 'folder' | 'server' | 'options' | 'tally' | 'image' | 'disk'>) {
    this.root = parts.root;
    this.folder = parts.folder;
    this.server = parts.server;
    this.options = parts.options;
    this.tally = parts.tally;
    this.image = parts.image;
    this.disk = parts.disk;
    this.checkpoint = parts.options.checkpoint;
    this.secrets.add(parts.server.key);
    this.renewSas();
  }

  readonly container = 'vhds';

  get blobName(): string {
    return this.options.blobName;
  }

  /** Relative to the folder. */
  get checkpointName(): string {
    return this.checkpoint ?? `${this.image.name}.vhdup.json`;
  }

  get checkpointPath(): string {
    return join(this.folder, this.checkpointName);
  }

  nextSecond(): number {
    this.#seconds += 1;
    return this.#seconds;
  }

  /** Kills all remaining processes of the round, for example after a broken rule. */
  async endAll(): Promise<void> {
    for (const { child } of this.running) child.kill('SIGKILL');
    await Promise.allSettled([...this.running].map(({ ended }) => ended));
  }

  get level(): VerifyLevel {
    return this.extra.verifyFull === true ? 'full' : this.options.verify;
  }

  step(text: string): void {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(5);
    this.steps.push(`${seconds} s  ${text}`);
  }

  beginRun(): number {
    this.runs += 1;
    this.currentRun = this.runs;
    this.#runStart = this.server.log.length;
    return this.runs;
  }

  /** Whether the current run has written the footer. It may not notice changes after that. */
  isReadingBack(): boolean {
    if (this.currentRun === undefined || !this.server.hasBlob(this.container, this.blobName)) return false;
    const { size } = this.server.blob(this.container, this.blobName);
    return this.server.log
      .slice(this.#runStart)
      .some(
        ({ operation, range }) => operation === 'PutPage' && range !== undefined && range.offset + range.length >= size,
      );
  }

  /** Path of a new folder for image and checkpoint. */
  nextFolder(): string {
    this.#moves += 1;
    return join(this.root, `moved-${this.#moves}`);
  }

  /** Creates a new SAS and stores it for the next run and for a run that waits for it. */
  renewSas(): void {
    const { server, container, blobName, options } = this;
    this.#sasCount += 1;
    const expiresOn = new Date(server.now().getTime() + HOUR_MS + this.#sasCount * 1000);
    if (options.credential === 'account-url') this.#sas = accountSas(server, 'rwcl', 'sco', expiresOn);
    else {
      const scope = options.credential === 'container-url' ? { container } : { container, blob: blobName };
      this.#sas = new URL(sasUrl(server, { ...scope, permissions: 'rw', expiresOn })).search.slice(1);
    }
    const signature = new URLSearchParams(this.#sas).get('sig') ?? '';
    for (const form of [signature, encodeURIComponent(signature)]) this.secrets.add(form);
    if (this.#usesFile) {
      mkdirSync(this.folder, { recursive: true });
      writeFileSync(join(this.folder, SAS_FILE), this.#sas);
    }
  }

  get #usesFile(): boolean {
    return this.options.credential === 'sas-file' || this.options.credential === 'sas-command';
  }

  /** Whether the user put a SAS into the command line. */
  get showsSas(): boolean {
    return this.options.credential.endsWith('url');
  }

  /** The destination, its credential and the environment. */
  #access(): Command {
    const { server, container, blobName, options } = this;
    if (options.credential === 'connection-string') {
      return {
        args: [`${container}/${blobName}`],
        env: { AZURE_STORAGE_CONNECTION_STRING: server.connectionString },
      };
    }
    const url = server.urlOf(container, blobName);
    if (options.credential === 'sas-file') return { args: [url, '--sas-file', SAS_FILE], env: {} };
    if (options.credential === 'sas-command') return { args: [url, '--sas-command', `cat ${SAS_FILE}`], env: {} };
    return { args: [`${url}?${this.#sas}`], env: {} };
  }

  /** The upload of the round, with the options that messages asked for. */
  uploadCommand(): Command {
    const { image, options, extra, checkpoint } = this;
    const { args, env } = this.#access();
    const chosen = extra.withoutManifest === true ? { ...options, manifest: undefined } : options;
    return {
      env,
      args: [
        'upload',
        image.name,
        ...args,
        ...image.arguments,
        ...argumentsOf(chosen, this.level),
        ...(checkpoint === undefined ? [] : ['--checkpoint', checkpoint]),
        ...(extra.restart === true ? ['--restart'] : []),
        ...(extra.overwrite === true ? ['--overwrite'] : []),
        ...(extra.resumeFromBlob === true ? ['--resume-from-blob'] : []),
        ...(extra.breakLease === true ? ['--break-lease'] : []),
      ],
    };
  }

  secondCommand(image: CampaignImage, checkpoint: string, logFile: string, more: readonly string[]): Command {
    const { args, env } = this.#access();
    const own = ['--threads', '2', '--checkpoint', checkpoint, '--log-file', logFile, '--retries', '3'];
    return { env, args: ['upload', image.name, ...args, ...image.arguments, ...own, ...more] };
  }

  verifyCommand(): Command {
    const { image, options, extra } = this;
    const { args, env } = this.#access();
    const manifest =
      options.manifest === undefined || extra.withoutManifest === true ? [] : ['--manifest', options.manifest];
    return { env, args: ['verify', image.name, ...args, ...image.arguments, '--full', ...manifest] };
  }
}
