// The value of an attribute: the data of a file, one of its named streams, or the blocks of a folder.
import { UnreadableError } from '../opened-file-system.ts';
import { ATTRIBUTE_LIST, type Attribute, type MappedAttribute } from './attribute.ts';
import { listedParts } from './attribute-list.ts';
import { CompressedUnits } from './compressed-units.ts';
import type { FileRecord } from './file-record.ts';
import type { Mft } from './mft.ts';
import { readMapped } from './read-mapped.ts';
import { Recent } from './recent.ts';
import { decodeRuns, type Run } from './run-list.ts';

/** A part of an attribute, in the order of their clusters. */
export interface AttributePart {
  readonly name: string;
  readonly lowestVcn: number;
  load(): Promise<Attribute>;
}

/** Parts whose runs are kept decoded. */
const MAX_LOADED = 4;

/** The parts of all attributes of one type, wherever they are recorded. @throws {UnreadableError} */
export async function partsOf(mft: Mft, record: FileRecord, type: number): Promise<AttributePart[]> {
  const list = record.attributes.find((attribute) => attribute.type === ATTRIBUTE_LIST);
  if (list === undefined) {
    return record.attributes
      .filter((attribute) => attribute.type === type)
      .map((attribute) => ({
        name: attribute.name,
        lowestVcn: firstVcn(attribute),
        load: () => Promise.resolve(attribute),
      }));
  }
  const listed = (await listedParts(mft, list)).filter((part) => part.type === type);
  return listed.map(({ name, lowestVcn, reference, id }) => ({
    name,
    lowestVcn,
    async load() {
      const holder = reference.number === record.number ? record : await mft.recordOf(reference);
      const found = holder.attributes.find(
        (one) => one.type === type && one.id === id && one.name === name && firstVcn(one) === lowestVcn,
      );
      if (found !== undefined) return found;
      throw new UnreadableError(`file record ${reference.number} of its MFT lacks a part of record ${record.number}`);
    },
  }));
}

function firstVcn(attribute: Attribute): number {
  return attribute.value === undefined ? attribute.lowestVcn : 0;
}

export class Stream {
  /** In bytes. */
  readonly size: number;
  /** Bytes from here on are zeros, whatever is stored. */
  readonly initialised: number;
  readonly isEncrypted: boolean;
  readonly #mft: Mft;
  readonly #first: Attribute;
  readonly #parts: readonly AttributePart[];
  readonly #what: string;
  readonly #runs = new Recent<readonly Run[]>(MAX_LOADED);
  readonly #units: CompressedUnits | undefined;

  private constructor(mft: Mft, first: Attribute, parts: readonly AttributePart[], what: string) {
    this.#mft = mft;
    this.#first = first;
    this.#parts = parts;
    this.#what = what;
    this.size = first.value === undefined ? first.size : first.value.length;
    this.initialised = first.value === undefined ? Math.min(first.initialised, first.size) : first.value.length;
    this.isEncrypted = first.isEncrypted;
    if (first.value === undefined && first.isCompressed) {
      this.#units = new CompressedUnits(mft, (vcn) => this.#runsAt(vcn), first.unitShift, what);
    }
  }

  /** Undefined if the file has no such stream. @throws {UnreadableError} */
  static async open(
    mft: Mft,
    record: FileRecord,
    type: number,
    isName: (name: string) => boolean = isMain,
  ): Promise<Stream | undefined> {
    const all = await partsOf(mft, record, type);
    const first = all.find((part) => part.lowestVcn === 0 && isName(part.name));
    if (first === undefined) return undefined;
    const parts = all.filter(({ name }) => name === first.name).sort((one, other) => one.lowestVcn - other.lowestVcn);
    return new Stream(mft, await first.load(), parts, `file record ${record.number}`);
  }

  /** At most `length` bytes, fewer at the end. @throws {UnreadableError} also if the stream is encrypted. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (this.isEncrypted) throw new UnreadableError('it is encrypted (EFS)');
    const end = Math.min(offset + length, this.size);
    if (end <= offset) return Buffer.alloc(0);
    if (this.#first.value !== undefined) return Buffer.from(this.#first.value.subarray(offset, end));
    const into = Buffer.alloc(end - offset);
    const stored = Math.min(end, this.initialised) - offset;
    if (stored <= 0) return into;
    const range = { offset, length: stored };
    const bytes = await (this.#units?.read(range) ??
      readMapped(this.#mft, (vcn) => this.#runsAt(vcn), range, this.#what));
    if (bytes.length === into.length) return bytes;
    bytes.copy(into);
    return into;
  }

  #runsAt(vcn: number): Promise<readonly Run[]> {
    const index = this.#parts.findLastIndex((part) => part.lowestVcn <= vcn);
    return this.#runs.get(index, async () => {
      const part = await this.#parts[index]?.load();
      if (part === undefined || !isMapped(part))
        throw new UnreadableError(`${this.#what} has its data in parts of two kinds`);
      return decodeRuns(part, this.#mft.geometry, this.#what);
    });
  }
}

function isMain(name: string): boolean {
  return name === '';
}

function isMapped(attribute: Attribute): attribute is MappedAttribute {
  return attribute.value === undefined;
}
