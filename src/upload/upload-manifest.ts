// The manifest of an upload: collects the checksums of acknowledged runs, and writes them window by window.
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum, PageRun } from '../base/page-run.ts';
import { UsageError } from '../errors.ts';
import type { UploadOptions } from '../options.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { assertManifestOf, checkManifestPath, ManifestWriter } from '../state/manifest-writer.ts';
import type { PageSetDigest } from '../transfer/page-set-digest.ts';
import type { TargetRequest } from './context.ts';

export class UploadManifest {
  readonly #writer: ManifestWriter;
  /** Checksums by offset, of runs whose window is not done yet. */
  readonly #checksums = new Map<number, string>();

  private constructor(writer: ManifestWriter) {
    this.#writer = writer;
  }

  /**
   * Checks the options and the file before anything is sent.
   * @throws {UsageError} there would be no checksums. @throws {LocalFileError} the file is not a manifest.
   */
  static async check({ manifest, checksum }: UploadOptions): Promise<void> {
    if (manifest === undefined) return;
    if (checksum === 'none') {
      throw new UsageError('A manifest records the checksums that are sent. Use it with a --checksum other than none.');
    }
    await checkManifestPath(manifest);
  }

  /** What refuses the manifest of another upload before the target is created. */
  static guardOf({ manifest, overwrite, restart }: UploadOptions): TargetRequest['assertOwnManifest'] {
    if (manifest === undefined || overwrite === true || restart === true) return undefined;
    return (uploadId) => assertManifestOf(manifest, uploadId);
  }

  /**
   * @param state - The checkpoint of the upload.
   * @throws {LocalFileError} the file belongs to another upload, or cannot be written.
   */
  static async open(
    path: string,
    state: Checkpoint,
    checksum: Checksum['algorithm'],
    mayReplace: boolean,
  ): Promise<UploadManifest> {
    const { uploadId, startedAt, image, diskSize, trustUnmarkedSectors, skipFree, blobUrl, blobSize } = state;
    const ofDisk = { image, diskSize, trustUnmarkedSectors, ...(skipFree === undefined ? {} : { skipFree }) };
    const header = { uploadId, startedAt, ...ofDisk, blobUrl, blobSize, checksum };
    const options = { isResumed: state.done.length > 0, mayReplace };
    return new UploadManifest(await ManifestWriter.open(path, header, options));
  }

  /** Records an acknowledged run. */
  runSent({ range, checksum }: PageRun): void {
    this.#checksums.set(range.offset, hexOf(checksum));
  }

  windowDone(window: ByteRange, runs: readonly ByteRange[]): void {
    this.#writer.windowDone({
      window,
      runs: runs.map((run) => {
        const checksum = this.#checksums.get(run.offset) ?? '';
        this.#checksums.delete(run.offset);
        return { ...run, checksum };
      }),
    });
  }

  /** Returns when all previous entries are safely on disk. @throws {LocalFileError} */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /**
   * Ends the manifest. A second call adds the ETag when the blob is complete: a kill in between leaves a manifest without it.
   * @param pages - All pages that were sent, including the footer's.
   * @param etag - The ETag of the complete blob, if it certainly holds exactly what was sent.
   * @throws {LocalFileError}
   */
  async complete({ range, checksum }: PageRun, pages: PageSetDigest, etag?: string): Promise<void> {
    const footer = { ...range, checksum: hexOf(checksum) };
    const end = { footer, bytes: pages.bytes, pages: pages.toString() };
    await this.#writer.complete(etag === undefined ? end : { ...end, etag });
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }
}

function hexOf(checksum: Checksum | undefined): string {
  return Buffer.from(checksum?.value ?? []).toString('hex');
}
