// The MFT: the table of all files. It is itself a file, whose first record is at a known place.
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { ATTRIBUTE_LIST, DATA, type MappedAttribute } from './attribute.ts';
import { listedParts } from './attribute-list.ts';
import type { Geometry } from './boot-sector.ts';
import { type FileRecord, parseFileRecord } from './file-record.ts';
import type { FileReference } from './numbers.ts';
import { readMapped } from './read-mapped.ts';
import { Recent } from './recent.ts';
import { decodeRuns, type Run } from './run-list.ts';

/** Read at once, because neighbours are often needed next. In bytes. */
const PAGE = 16 * 1024;
const MAX_PAGES = 256;
/** An MFT in more pieces is not read. */
const MAX_RUNS = 100_000;

export class Mft {
  readonly volume: VolumeBytes;
  readonly geometry: Geometry;
  readonly #pages = new Recent<Buffer>(MAX_PAGES);
  readonly #runs: Run[] = [];
  #length = 0;

  private constructor(volume: VolumeBytes, geometry: Geometry) {
    this.volume = volume;
    this.geometry = geometry;
  }

  /** Reads where the MFT lies. @throws {UnreadableError} */
  static async open(volume: VolumeBytes, geometry: Geometry): Promise<Mft> {
    const mft = new Mft(volume, geometry);
    const { clusterSize, mftCluster, recordLength } = geometry;
    const bytes = Buffer.alloc(recordLength);
    await volume.read({ offset: mftCluster * clusterSize, length: recordLength }, bytes);
    const record = parseFileRecord(bytes, 0);
    const data = record.attributes.find(isTableData);
    if (data === undefined || !record.isInUse) throw new UnreadableError('file record 0 of its MFT has no data');
    mft.#add(data);
    if (mft.#runs[0]?.lcn !== mftCluster) throw new UnreadableError('its MFT is not where the boot sector says');
    // The parts of a list come after those that hold them, so each is found with the runs known before.
    mft.#length = Math.min(data.size, data.initialised);
    const list = record.attributes.find(({ type }) => type === ATTRIBUTE_LIST);
    if (list !== undefined) {
      for (const part of await listedParts(mft, list)) {
        if (part.type === DATA && part.name === '' && part.lowestVcn > 0)
          await mft.#addListed(part.reference, part.lowestVcn);
      }
    }
    const last = mft.#runs.at(-1);
    if (last === undefined || (last.vcn + last.length) * clusterSize < mft.#length) {
      throw new UnreadableError(`its MFT should have ${mft.#length} bytes, but its runs end before`);
    }
    return mft;
  }

  /** In use and not. */
  get recordCount(): number {
    return Math.floor(this.#length / this.geometry.recordLength);
  }

  /** @throws {UnreadableError} the record is damaged, or does not exist. */
  async record(number: number): Promise<FileRecord> {
    const { recordLength } = this.geometry;
    if (number >= this.recordCount) {
      throw new UnreadableError(`file record ${number} is needed, but its MFT has ${this.recordCount}`);
    }
    const page = Math.max(PAGE, recordLength);
    const at = number * recordLength;
    const index = Math.floor(at / page);
    const bytes = await this.#pages.get(index, () =>
      this.read(index * page, Math.min(page, this.#length - index * page)),
    );
    // A copy, because restoring the fixups changes it.
    return parseFileRecord(Buffer.from(bytes.subarray(at - index * page, at - index * page + recordLength)), number);
  }

  /** The record of a file that exists. @throws {UnreadableError} also if the record was used again for another file. */
  async recordOf({ number, sequence }: FileReference): Promise<FileRecord> {
    const record = await this.record(number);
    if (!record.isInUse || (sequence !== 0 && record.sequence !== sequence)) {
      throw new UnreadableError(`file record ${number} of its MFT is referred to, but its file was deleted`);
    }
    return record;
  }

  /** Bytes of the table as stored, within its length. */
  read(offset: number, length: number): Promise<Buffer> {
    return readMapped(this, () => Promise.resolve(this.#runs), { offset, length }, '$MFT');
  }

  #add(part: MappedAttribute): void {
    const last = this.#runs.at(-1);
    const next = last === undefined ? 0 : last.vcn + last.length;
    const runs = decodeRuns(part, this.geometry, '$MFT');
    if (part.lowestVcn !== next || runs.some(({ lcn }) => lcn === undefined)) {
      throw new UnreadableError('the runs of its MFT have gaps');
    }
    if (this.#runs.length + runs.length > MAX_RUNS)
      throw new UnreadableError(`its MFT is in more than ${MAX_RUNS} pieces`);
    for (const run of runs) this.#runs.push(run);
  }

  async #addListed(reference: FileReference, lowestVcn: number): Promise<void> {
    const { attributes } = await this.recordOf(reference);
    const part = attributes.filter(isTableData).find((one) => one.lowestVcn === lowestVcn);
    if (part === undefined) throw new UnreadableError(`file record ${reference.number} of its MFT has no part of $MFT`);
    this.#add(part);
  }
}

function isTableData(attribute: {
  readonly type: number;
  readonly name: string;
  readonly value: Buffer | undefined;
}): attribute is MappedAttribute {
  return attribute.type === DATA && attribute.name === '' && attribute.value === undefined;
}
