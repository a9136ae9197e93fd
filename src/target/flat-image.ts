// FlatImage: a raw disk or a fixed VHD, which store each byte of the disk at its own offset.
import type { ByteRange } from '../base/byte-range.ts';
import type { PageRun } from '../base/page-run.ts';
import { LocalFile } from './local-file.ts';
import type { LocalImage, LocalImageOptions, LocalImageState } from './local-image.ts';

export class FlatImage implements LocalImage {
  readonly size: number;
  readonly #file: LocalFile;
  readonly #footer: Uint8Array;
  /** The last checkpoint. After a failed one, all others fail. */
  #saved: Promise<unknown> = Promise.resolve();

  private constructor(file: LocalFile, size: number, footer: Uint8Array) {
    this.#file = file;
    this.size = size;
    this.#footer = footer;
  }

  /** @param footer - Follows the disk; empty for a raw disk. */
  static async open(footer: Uint8Array, options: LocalImageOptions): Promise<FlatImage> {
    const { path, diskSize, overwrite, resume } = options;
    const size = diskSize + footer.length;
    if (resume === undefined) {
      return new FlatImage(await LocalFile.create(path, size, overwrite, options), size, footer);
    }
    const file = await LocalFile.reopen(path, resume.temporary, overwrite);
    const length = await file.length();
    if (length === size) return new FlatImage(file, size, footer);
    await file.keep();
    throw file.notResumable(`it must have ${size} bytes, but has ${length}`);
  }

  get path(): string {
    return this.#file.path;
  }

  get capabilities(): LocalFile['capabilities'] {
    return this.#file.capabilities;
  }

  write(run: PageRun): Promise<void> {
    return this.#file.write(run);
  }

  read({ offset }: ByteRange, into: Uint8Array): Promise<void> {
    return this.#file.readAt(offset, into);
  }

  checkpoint(): Promise<LocalImageState> {
    const saved = this.#saved.then(async () => {
      await this.#file.sync();
      return { temporary: this.#file.temporaryName, end: this.size, length: this.size };
    });
    this.#saved = saved;
    return saved;
  }

  async finish(): Promise<void> {
    await this.#saved;
    await this.#file.writeAt(this.size - this.#footer.length, this.#footer);
    await this.#file.finish();
  }

  abandon(): Promise<undefined> {
    return this.#file.abandon();
  }

  keep(): Promise<void> {
    return this.#file.keep();
  }
}
