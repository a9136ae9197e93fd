// inspectStructures: shows the structures of an image file field by field, even if they are damaged.

import { printable } from '../base/printable.ts';
import { UnsupportedImageError, UsageError } from '../errors.ts';
import { type EventListener, shielded } from '../events.ts';
import type { Fields } from '../image/fields.ts';
import { ImageFile } from '../image/image-file.ts';
import { DISK_TYPE } from '../image/vhd/footer.ts';
import { isVhdx } from './read-image-facts.ts';
import { cannotShow, type Structure, type StructureKind, type TableRequest } from './structure.ts';
import * as vhd from './vhd-structures.ts';
import * as vhdTables from './vhd-tables.ts';
import { logStructures } from './vhdx-log.ts';
import { metadataStructures } from './vhdx-metadata.ts';
import { readVhdx, type VhdxReading } from './vhdx-reading.ts';
import * as vhdx from './vhdx-structures.ts';
import * as vhdxTables from './vhdx-tables.ts';

export interface InspectStructuresOptions {
  /** Path of the image. Its parents are not opened. */
  readonly image: string;
  readonly structure: StructureKind;
  /** Lists every range of a table, not only the first 64. @default false */
  readonly all?: boolean;
  /** Shows only this block of the BAT, or the runs of its sector bitmap. */
  readonly block?: number;
  readonly signal?: AbortSignal;
  /** Receives the progress of reading a table, if that takes longer than a second. */
  readonly onEvent?: EventListener;
}

export interface StructuresReport {
  readonly format: 'vhd' | 'vhdx';
  readonly structure: StructureKind;
  readonly structures: readonly Structure[];
}

/** Delay before the first progress event, in milliseconds. */
const QUIET_MS = 1000;

/** The structures of a format, and how to read each. */
type Providers<Source> = Partial<
  Record<StructureKind, (source: Source, request: TableRequest) => Structure[] | Promise<Structure[]>>
>;

interface VhdSource {
  readonly file: ImageFile;
  readonly copies: readonly vhd.FooterCopy[];
  readonly footer: Fields;
  readonly header: Fields | undefined;
}

const VHD: Providers<VhdSource> = {
  footer: ({ copies }) => vhd.footerStructures(copies),
  header: async ({ file, footer, header }) => {
    const problem = `it should be at ${footer.bigU64(16)}, but the file ends at ${file.size}`;
    return [await vhd.headerStructure(file, header ?? cannotShow('dynamic header', printable(file.path), problem))];
  },
  bat: async ({ file, footer, header }, request) => [await vhdTables.batStructure(file, footer, header, request)],
  bitmap: ({ file, footer, header }, request) => vhdTables.bitmapStructures(file, footer, header, request),
};

const VHDX: Providers<VhdxReading> = {
  header: vhdx.headerStructures,
  regions: vhdx.regionStructures,
  metadata: metadataStructures,
  bat: vhdxTables.batStructures,
  bitmap: vhdxTables.bitmapStructures,
  log: logStructures,
};

/**
 * Reads structures of an image file, even if it is too damaged to be opened.
 * @throws {UsageError} the format has no such structure, or the block does not exist.
 * @throws {CorruptImageError} the structure that locates it cannot be used.
 * @throws {UnsupportedImageError} the file is neither a VHD nor a VHDX. @throws {ImageAccessError}
 */
export async function inspectStructures(options: InspectStructuresOptions): Promise<StructuresReport> {
  const { structure, block } = options;
  const request: TableRequest = {
    all: options.all === true,
    signal: options.signal ?? new AbortController().signal,
    onProgress: progressTo(shielded(options.onEvent)),
    ...(block === undefined ? {} : { block }),
  };
  const file = await ImageFile.open(options.image);
  try {
    if (await isVhdx(file)) {
      const read = VHDX[structure] ?? rejectStructure(structure, 'VHDX', VHDX);
      return { format: 'vhdx', structure, structures: await read(await readVhdx(file), request) };
    }
    const copies = await vhd.readFooterCopies(file);
    const footer = vhd.usedCopy(copies)?.fields;
    if (footer === undefined)
      throw new UnsupportedImageError(
        `Cannot show the structures of ${printable(file.path)}: it is neither a VHD nor a VHDX.`,
      );
    const read = VHD[structure] ?? rejectStructure(structure, 'VHD', VHD);
    if (structure !== 'footer' && footer.u32(60) === DISK_TYPE.fixed) {
      throw new UsageError(`A fixed VHD has no ${structure}: it contains the disk byte for byte. Available: footer.`);
    }
    const source = { file, copies, footer, header: await vhd.readHeaderFields(file, footer) };
    return { format: 'vhd', structure, structures: await read(source, request) };
  } finally {
    await file.close();
  }
}

/** Reports progress only if reading takes long enough to notice. */
function progressTo(emit: EventListener): TableRequest['onProgress'] {
  const startMs = performance.now();
  const rest = { sentBefore: 0, unallocated: 0, zeros: 0, requests: 0, retries: 0 };
  return (done, planned) => {
    if (performance.now() - startMs < QUIET_MS) return;
    emit({ type: 'progress', planned, done, read: done, sent: done, ...rest });
  };
}

function rejectStructure(structure: StructureKind, format: string, providers: object): never {
  throw new UsageError(`A ${format} has no ${structure}. Available: ${Object.keys(providers).join(', ')}.`);
}
