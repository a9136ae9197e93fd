// downloadImage: every step of a download, from the options to the result.

import { basename, dirname, join } from 'node:path';
import { shownPath } from '../base/printable.ts';
import { sidePath } from '../base/side-file.ts';
import { CheckpointError, DestinationError, LocalFileError, UsageError, VerificationError } from '../errors.ts';
import { type EventListener, shielded } from '../events.ts';
import type { DownloadOptions } from '../options.ts';
import { isModified } from '../remote/blob-lifecycle.ts';
import { warnOfThreads } from '../remote/connect.ts';
import { watchExpiry } from '../remote/expiry-watch.ts';
import { openReadTarget, type ReadTarget, readAccessOf } from '../remote/read-target.ts';
import { UPLOAD_ID } from '../state/blob-metadata.ts';
import { StateFile } from '../state/checkpoint-file.ts';
import { type DownloadCheckpoint, decodeDownload, encodeDownload } from '../state/download-checkpoint.ts';
import { ExclusiveAccess } from '../state/exclusive-access.ts';
import { ManifestReader } from '../state/manifest-reader.ts';
import { LOCAL_IMAGE_FORMATS, type LocalImage } from '../target/local-image.ts';
import { discardLocalImage, openLocalImage } from '../target/open-local-image.ts';
import { concurrencyOf, localConcurrency } from '../transfer/concurrency-limits.ts';
import { moveDisk } from '../transfer/move-disk.ts';
import { Progress } from '../transfer/progress.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { checkChecksum, checkMaxRate, checkRetryOptions, sparseOf } from '../validate-options.ts';
import { BlobSource } from './blob-source.ts';
import { md5Mismatch, md5OfFile } from './content-md5.ts';
import type { DownloadProof, DownloadResult } from './download-result.ts';
import { assertNoOther, checkOutput, fileIdentity, freeSpace, lengthOf, noSpace } from './output-file.ts';
import { type DownloadFacts, SavedDownload } from './saved-download.ts';
import { lookAtSource, type SourceDisk, sourceChanged } from './source-disk.ts';

export type { DownloadResult };

/** Checks the options. @throws {UsageError | CredentialError} */
function settingsOf(options: DownloadOptions) {
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
    ...{ output, format, verify },
  };
}

type Settings = ReturnType<typeof settingsOf>;

/**
 * Writes the disk in a page blob or a managed disk to a local file. Resumes where an earlier run of the same download left off.
 * A failure leaves a checkpoint and a temporary file from which the same call resumes, unless the message says otherwise. The file
 * gets its name only when it is complete and verified.
 * @throws {VhdupError} one subclass for each kind of failure; the reason of `signal`, unchanged, on abort.
 */
export async function downloadImage(options: DownloadOptions): Promise<DownloadResult> {
  const settings = settingsOf(options);
  const { output, concurrency, signal: given } = settings;
  given.throwIfAborted();
  const emit = shielded(options.onEvent);
  warnOfThreads(concurrency, emit);
  const path = options.checkpoint ?? (await sidePath(output, '.vhdup.json'));
  await assertNoOther(output, { '--checkpoint': path, '--manifest': options.manifest });
  // The lock would only complain about the checkpoint.
  await checkOutput(output, true);
  const file = new StateFile<DownloadCheckpoint>(path, { encode: encodeDownload, decode: decodeDownload });
  const access = await ExclusiveAccess.begin(path, given);
  try {
    const earlier = await loadEarlier(file, options.restart === true);
    await checkOutput(output, settings.overwrite || earlier !== undefined);
    const { signal } = access;
    const readBefore = earlier?.source.uniqueId ?? undefined;
    const target = await openReadTarget(settings.reading, settings.access, { concurrency, readBefore, emit, signal });
    try {
      return await new Download(options, settings, { file, access, target, emit }).run(earlier);
    } finally {
      await target.close();
    }
  } finally {
    await access.end();
  }
}

/** @throws {CheckpointError} it cannot be read or used, and it is not to be discarded. */
async function loadEarlier(
  file: StateFile<DownloadCheckpoint>,
  restart: boolean,
): Promise<DownloadCheckpoint | undefined> {
  try {
    return await file.load();
  } catch (error) {
    if (restart && error instanceof CheckpointError && !error.isForeign) return undefined;
    throw error;
  }
}

/** Resources of one download, which the caller closes. */
interface Resources {
  readonly file: StateFile<DownloadCheckpoint>;
  readonly access: ExclusiveAccess;
  readonly target: ReadTarget;
  readonly emit: EventListener;
}

/** What one run works with once it knows the disk. */
interface Work extends Resources {
  readonly disk: SourceDisk;
  readonly facts: DownloadFacts;
  readonly manifest: ManifestReader | undefined;
  readonly earlier: DownloadCheckpoint | undefined;
  readonly image: LocalImage;
  readonly source: BlobSource;
  readonly progress: Progress;
  readonly saved: SavedDownload;
}

class Download {
  readonly #options: DownloadOptions;
  readonly #settings: Settings;
  readonly #resources: Resources;
  readonly #startMs = performance.now();

  constructor(options: DownloadOptions, settings: Settings, resources: Resources) {
    this.#options = options;
    this.#settings = settings;
    this.#resources = resources;
  }

  async run(stored: DownloadCheckpoint | undefined): Promise<DownloadResult> {
    const { target, access, emit } = this.#resources;
    const { format, checksum } = this.#settings;
    const disk = await lookAtSource(target, { format, checksum, emit, signal: access.signal });
    const manifest = await this.#openManifest(disk);
    try {
      const facts = this.#factsOf(disk, manifest, stored);
      const isSame = stored !== undefined && differenceOf(stored, facts) === undefined;
      if (stored?.finishing !== undefined && (await this.#isFinished(stored.finishing))) {
        // A kill between the two steps of the renaming leaves both names.
        await discardLocalImage(this.#settings.output, stored.file);
        if (isSame && this.#options.restart !== true) return await this.#alreadyComplete(disk);
        // The checkpoint of another download, which was killed when its file had its name.
        await this.#resources.file.remove();
        await checkOutput(this.#settings.output, this.#settings.overwrite);
        return await this.#download(disk, facts, manifest, undefined);
      }
      const earlier = await this.#resumable(stored, facts);
      return await this.#download(disk, facts, manifest, earlier);
    } finally {
      await manifest?.close();
    }
  }

  /** @throws {VerificationError} the manifest is of another upload. */
  async #openManifest({ properties }: SourceDisk): Promise<ManifestReader | undefined> {
    if (this.#options.manifest === undefined) return undefined;
    const manifest = await ManifestReader.open(this.#options.manifest, properties.size);
    const uploadId = properties.metadata?.[UPLOAD_ID];
    // A managed disk has no metadata; its content shows whether it is that of the manifest.
    if (properties.metadata === undefined || uploadId === manifest.header.uploadId) return manifest;
    await manifest.close();
    throw new VerificationError(
      `${this.#resources.target.url} and the manifest ${manifest.path} are from different uploads: the blob has the upload id ${uploadId ?? 'absent'}, the manifest has ${manifest.header.uploadId}. Name the manifest of this blob, or download without --manifest.`,
    );
  }

  #factsOf(
    { properties, size }: SourceDisk,
    manifest: ManifestReader | undefined,
    stored: DownloadCheckpoint | undefined,
  ): DownloadFacts {
    const { url, uniqueId = null } = this.#resources.target;
    return {
      startedAt: stored !== undefined && this.#options.restart !== true ? stored.startedAt : new Date().toISOString(),
      name: basename(this.#settings.output),
      format: this.#settings.format,
      source: { url, uniqueId, etag: properties.etag, size: properties.size },
      diskSize: size,
      manifest: manifest?.header.uploadId ?? null,
    };
  }

  /** Whether an earlier run has given the file its name. */
  async #isFinished(identity: string): Promise<boolean> {
    return (await fileIdentity(this.#settings.output)) === identity;
  }

  /** The state to resume. Discards what cannot be resumed, if that is asked for. @throws {CheckpointError | DestinationError} */
  async #resumable(
    stored: DownloadCheckpoint | undefined,
    facts: DownloadFacts,
  ): Promise<DownloadCheckpoint | undefined> {
    const { file } = this.#resources;
    if (this.#options.restart === true) {
      if (stored !== undefined) await discardLocalImage(this.#settings.output, stored.file);
      await file.remove();
      return undefined;
    }
    const difference = stored === undefined ? undefined : differenceOf(stored, facts);
    if (stored === undefined || difference === undefined) return stored;
    if (difference === 'changed') {
      throw new DestinationError(
        `${facts.source.url} was changed since the download of ${stored.startedAt} began, so what was received no longer belongs to it. Give --restart to download it from the beginning.`,
        { reason: 'ConditionNotMet' },
      );
    }
    throw new CheckpointError(
      `The checkpoint ${shownPath(file.path)} belongs to another download: ${difference}. Give --restart to discard it, or --checkpoint and another file name to download both.`,
    );
  }

  async #alreadyComplete(disk: SourceDisk): Promise<DownloadResult> {
    await this.#resources.file.remove();
    const size = await lengthOf(this.#settings.output);
    return { ...this.#result(disk, { size, received: 0, written: 0, receivedBefore: 0 }, []), alreadyComplete: true };
  }

  async #download(
    disk: SourceDisk,
    facts: DownloadFacts,
    manifest: ManifestReader | undefined,
    earlier: DownloadCheckpoint | undefined,
  ): Promise<DownloadResult> {
    const { access, target } = this.#resources;
    await this.#checkSpace(disk, earlier);
    const image = await this.#openImage(disk, earlier);
    const memory = new WindowMemory(manifest?.header.checksum ?? this.#settings.checksum);
    try {
      const { etag } = disk.properties;
      const { signal } = access;
      const source = new BlobSource({ target, etag, diskSize: disk.size, memory, manifest, signal });
      const progress = new Progress(earlier);
      const resources = { ...this.#resources, image, source, progress, facts, earlier };
      const saved = new SavedDownload(resources);
      const work = { ...resources, disk, manifest, saved };
      return await this.#receive(work, memory).catch(async (error: unknown) => {
        throw await this.#stopped(work, error);
      });
    } finally {
      await memory.close();
    }
  }

  /** @throws {LocalFileError} a file without holes does not fit. */
  async #checkSpace({ size, footer }: SourceDisk, earlier: DownloadCheckpoint | undefined): Promise<void> {
    const { output, sparse, format } = this.#settings;
    const isFlat = format === 'vhd' || format === 'raw';
    if (sparse || !isFlat || earlier !== undefined) return;
    const free = await freeSpace(output);
    const needed = size + footer.length;
    if (free === undefined || free >= needed) return;
    throw new LocalFileError(
      `${noSpace(output, needed, free)} Free some space, name a file on another disk, or give --sparse or --format vhdx, which store only data.`,
    );
  }

  async #openImage(disk: SourceDisk, earlier: DownloadCheckpoint | undefined): Promise<LocalImage> {
    const { output: path, format, overwrite, sparse } = this.#settings;
    return await openLocalImage({
      ...{ path, format, overwrite, sparse, resumable: true },
      diskSize: disk.size,
      diskId: disk.diskId,
      timestamp: disk.timestamp,
      ...(format === 'vhd' ? { footer: disk.footer } : {}),
      ...(earlier === undefined ? {} : { resume: earlier.file }),
    });
  }

  async #receive(work: Work, memory: WindowMemory): Promise<DownloadResult> {
    const { saved, disk, image, source, facts, access, target, file, earlier } = work;
    const { concurrency } = this.#settings;
    // At once, so that no temporary file is left that no checkpoint knows.
    await saved.save();
    work.emit({
      type: 'start-download',
      url: target.url,
      blobSize: disk.properties.size,
      diskSize: disk.size,
      output: image.path,
      format: facts.format,
      ...(earlier === undefined ? {} : { resumedFrom: earlier.startedAt }),
      checkpoint: file.path,
      threads: this.#options.threads ?? 'auto',
      maxWindows: concurrency.maxWindows,
    });
    const verified = await saved.whileSaving(access.signal, async (signal) => {
      await this.#move(work, memory, signal);
      return await this.#verify(work, signal);
    });
    await saved.save(await fileIdentity(await temporaryPathOf(image)));
    await image.finish();
    await saved.remove();
    const { received } = source;
    const amounts = { size: image.size, received, receivedBefore: saved.receivedBefore, written: work.progress.sent };
    return this.#result(disk, amounts, verified);
  }

  async #move(work: Work, memory: WindowMemory, signal: AbortSignal): Promise<void> {
    const { source, image, progress, target } = work;
    const maxRate = this.#settings.reading.maxReadRate;
    const endsOn = () => target.store.credentialExpiresOn;
    await moveDisk({
      source,
      target: image,
      limit: localConcurrency().limit,
      pace: target.store.limit,
      maxWindows: this.#settings.concurrency.maxWindows,
      memory,
      checksums: false,
      progress,
      signal,
      emit: this.#warningOfSpace(work, watchExpiry(work.emit, { endsOn, maxRate, work: 'download' })),
      requests: () => target.store.counters,
    });
  }

  /** Warns once if what the blob lists may not fit. Only the page list shows how much that is. */
  #warningOfSpace({ progress, emit }: Work, next: EventListener): EventListener {
    let isChecked = false;
    return (event) => {
      next(event);
      if (isChecked || event.type !== 'progress' || progress.plan === undefined) return;
      isChecked = true;
      const needed = progress.plan.allocated - progress.plan.done;
      const { output } = this.#settings;
      void freeSpace(output).then((free) => {
        if (free === undefined || free >= needed) return;
        const message = `${noSpace(output, needed, free)} If the disk becomes full, the download stops and can be resumed.`;
        emit({ type: 'warning', code: 'low-space', message });
      });
    };
  }

  /** @throws {DestinationError} the blob was changed. @throws {VerificationError} the content is not what it should be. */
  async #verify(work: Work, signal: AbortSignal): Promise<readonly DownloadProof[]> {
    const { target, disk, saved, manifest, emit } = work;
    const { etag } = disk.properties;
    emit({ type: 'phase', phase: 'verifying' });
    const now = await target.store.properties(signal);
    if (now?.etag !== etag || now.size !== disk.properties.size) throw sourceChanged(target.url);
    if (manifest !== undefined) this.#comparePages(work, manifest);
    const isMd5 = await this.#compareMd5(work, signal);
    return [
      ...(etag === '' ? [] : (['unchanged'] as const)),
      ...(saved.isProven && this.#settings.checksum !== 'none' ? (['checksums'] as const) : []),
      ...(isMd5 ? (['content-md5'] as const) : []),
      ...(manifest === undefined ? [] : (['manifest'] as const)),
    ];
  }

  /** Each window was compared when it arrived. The pages as a whole show that none is missing. */
  #comparePages({ target, disk, progress }: Work, manifest: ManifestReader): void {
    const pages = progress.pages.with({ offset: disk.size, length: disk.footer.length });
    if (pages.toString() === manifest.end.pages) return;
    throw new VerificationError(
      `${target.url} does not hold the pages that the manifest ${manifest.path} records. Something else has written to it. The incomplete file was removed. To download the blob as it is, leave out --manifest.`,
    );
  }

  /** @returns whether there is an MD5, and the file can be compared with it. */
  async #compareMd5({ target, disk, image, saved, emit }: Work, signal: AbortSignal): Promise<boolean> {
    const { format, verify } = this.#settings;
    const stored = disk.properties.contentMd5;
    const isFlat = format === 'vhd' || format === 'raw';
    if (stored === undefined || verify === 'none' || !isFlat) return false;
    const { footer, size: length } = disk;
    const path = await temporaryPathOf(image);
    const found = await md5OfFile({ path, length, footer, emit, signal });
    if (Buffer.compare(found, stored) !== 0) throw md5Mismatch(target.url, stored, found, saved.isProven);
    return true;
  }

  /** Keeps what a later run can resume. @returns the failure to throw. */
  async #stopped({ image, saved, target, disk }: Work, error: unknown): Promise<unknown> {
    const isChange = isModified(error) || (error instanceof DestinationError && (await this.#hasChanged(target, disk)));
    if (isChange || error instanceof VerificationError) {
      await image.abandon();
      await saved.remove();
      return isChange ? sourceChanged(target.url) : error;
    }
    // The failure explains more than that its progress could not be saved.
    await saved.save().catch(() => undefined);
    await image.keep();
    return error;
  }

  /** Whether a refusal has its cause in a change of the blob, such as that it is shorter now. */
  async #hasChanged({ store }: ReadTarget, { properties }: SourceDisk): Promise<boolean> {
    const now = await store.properties(AbortSignal.timeout(LOOK_TIMEOUT_MS)).catch(() => undefined);
    return now !== undefined && now.etag !== properties.etag;
  }

  #result(
    { size: diskSize, properties }: SourceDisk,
    amounts: Pick<DownloadResult, 'size' | 'received' | 'receivedBefore' | 'written'>,
    verified: readonly DownloadProof[],
  ): DownloadResult {
    const { store, url } = this.#resources.target;
    const { output, format, sparse } = this.#settings;
    const durationMs = performance.now() - this.#startMs;
    return {
      ...{ url, output, format, diskSize, blobSize: properties.size, ...amounts },
      alreadyComplete: false,
      ...{ verified, sparse },
      ...store.counters,
      checksumMismatches: store.checksumMismatches,
      durationMs,
      bytesPerSecond: durationMs === 0 ? 0 : (amounts.received * 1000) / durationMs,
    };
  }
}

/** How long the cause of a failure is looked up, in milliseconds. */
const LOOK_TIMEOUT_MS = 5000;

/** What the file is called until it is complete. */
async function temporaryPathOf(image: LocalImage): Promise<string> {
  return join(dirname(image.path), (await image.checkpoint()).temporary);
}

/** Why the state belongs to another download, or `changed` if only the blob was modified; undefined if it can be resumed. */
function differenceOf(stored: DownloadCheckpoint, facts: DownloadFacts): string | undefined {
  const { source } = stored;
  if (source.url !== facts.source.url) return `it is of ${source.url}`;
  if (source.uniqueId !== facts.source.uniqueId) return `another disk had the name of ${source.url} then`;
  if (stored.format !== facts.format) return `its file has the format ${stored.format}`;
  if (stored.manifest !== facts.manifest) {
    return stored.manifest === null ? 'it was started without --manifest' : 'it was started with another --manifest';
  }
  const isSame = source.etag === facts.source.etag && source.size === facts.source.size;
  return isSame && stored.diskSize === facts.diskSize ? undefined : 'changed';
}
