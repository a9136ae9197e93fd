// The human-readable report of an inspection: the file, its parents, its partitions, its allocation, and its problems.

import { printable } from '../../base/printable.ts';
import type { FailedParentSearch } from '../../errors.ts';
import { formatName } from '../../image/format-name.ts';
import type { ImageFacts } from '../../inspect/image-facts.ts';
import type { InspectReport } from '../../inspect/inspect.ts';
import type { DiskLayout, Volume } from '../../volume/disk-layout.ts';
import { drawAllocation } from './allocation-drawing.ts';
import { type Paint, painter } from './paint.ts';
import type { Screen } from './screen.ts';
import type { Symbols } from './symbols.ts';
import { tableLines } from './text-table.ts';
import { formatBytes } from './units.ts';
import { volumeLines } from './volume-lines.ts';
import { wrapText } from './wrap-text.ts';

const FIRMWARE = { 1: '1 (BIOS)', 2: '2 (UEFI)' } as const;

type Line = readonly [name: string, value: string | undefined];

export function showInspection(report: InspectReport, screen: Screen): string {
  return new InspectScreen(screen).show(report);
}

class InspectScreen {
  readonly #width: number;
  readonly #paint: Paint;
  readonly #symbols: Symbols;

  constructor({ width, colours, symbols }: Screen) {
    this.#width = width;
    this.#paint = painter(colours);
    this.#symbols = symbols;
  }

  show(report: InspectReport): string {
    const { image, parents, missingParent, disk, problems } = report;
    const lines = [this.#bold(printable(image.path)), ...this.#lines(imageLines(report))];
    if (parents.length > 0 || missingParent !== undefined) lines.push('', ...this.#parents(parents, missingParent));
    if (disk !== undefined) {
      lines.push('', ...this.#volumes(disk.layout), ...this.#contents(disk), '');
      lines.push(this.#bold(`Allocation, ${formatBytes(disk.map.cellSize)} a character`));
      lines.push(...drawAllocation(disk.map, { width: this.#width, symbols: this.#symbols }));
    }
    // The last problem is the one that stopped the inspection. A failed search for a parent is already shown.
    const stopping = report.exitCode === undefined ? undefined : problems.at(-1);
    if (stopping !== undefined && missingParent === undefined) {
      lines.push('', this.#bold('The disk cannot be read'), ...this.#item(stopping.message));
    }
    const notes = [...problems, ...(disk?.layout.problems ?? [])].filter((problem) => problem !== stopping);
    if (notes.length > 0) lines.push('', this.#bold('Notes'), ...notes.flatMap(({ message }) => this.#item(message)));
    return lines.join('\n');
  }

  #lines(lines: readonly Line[]): string[] {
    const shown = lines.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
    const column = Math.max(...shown.map(({ name }) => name.length));
    return shown.flatMap(({ name, value }) => {
      const [first = '', ...rest] = wrapText(value, this.#width - column - 4);
      const indent = ' '.repeat(column + 4);
      return [`  ${this.#dim(name.padEnd(column))}  ${first}`, ...rest.map((line) => indent + line)];
    });
  }

  #parents(parents: readonly ImageFacts[], missing: FailedParentSearch | undefined): string[] {
    const lines = [this.#bold('Parents')];
    for (const parent of parents) {
      const { path, diskSize, ids } = parent;
      const id = ids.uniqueId ?? guidText(ids.dataWriteGuid);
      const size = diskSize === undefined ? '' : `, ${formatBytes(diskSize)}`;
      lines.push(...this.#item(`${printable(path)}: ${formatText(parent)}${size}. Found; its id ${id} matches.`));
    }
    if (missing === undefined) return lines;
    lines.push(
      ...this.#item(
        `The parent of ${printable(missing.child)} is missing, and the disk cannot be read without it. It has the ${missing.wanted}. Tried:`,
      ),
    );
    for (const { path, source, problem } of missing.tried) {
      const place = path === '' ? source : `${printable(path)} (${source})`;
      lines.push(
        ...wrapText(`${place}: ${problem}`, this.#width - 6).map(
          (line, index) => `${index === 0 ? '    ' : '      '}${line}`,
        ),
      );
    }
    if (missing.tried.length === 0) lines.push('    nothing: the image contains no path of its parent');
    return [...lines, '  Pass its folder, or the file itself, with --parent-path.'];
  }

  #volumes({ table, volumes }: DiskLayout): string[] {
    if (table === undefined) {
      const [volume] = volumes;
      const found =
        volume?.fileSystem === undefined
          ? 'The contents of the disk are not recognised'
          : `${contentsOf(volume)} on the whole disk`;
      return [this.#bold('No partition table'), ...this.#item(`${found}.`)];
    }
    const title = `${table.scheme.toUpperCase()} partition table, sectors of ${table.sectorSize} bytes`;
    const rows = volumes.map((volume) => {
      const { partition } = volume;
      const name = partition?.name === undefined ? '' : printable(partition.name);
      return [
        `${partition?.index}${partition?.isActive === true ? '*' : ''}`,
        formatBytes(partition?.offset ?? 0),
        formatBytes(partition?.length ?? 0),
        partition === undefined ? '' : typeOf(partition),
        contentsOf(volume),
        name,
      ];
    });
    const columns = [
      { title: '#' },
      { title: 'begins at', align: 'right' },
      { title: 'size', align: 'right' },
      { title: 'type' },
      { title: 'contents' },
      { title: 'name' },
    ] as const;
    const [titles = '', ...lines] = tableLines(columns, rows, this.#width - 2);
    const hasActive = volumes.some(({ partition }) => partition?.isActive === true);
    return [
      this.#bold(title),
      ...(rows.length === 0 ? ['  no partitions'] : [`  ${this.#dim(titles)}`, ...lines.map((line) => `  ${line}`)]),
      ...(hasActive ? ['  * active: a BIOS boots from it'] : []),
    ];
  }

  #contents({ volumes, unreadVolumes }: NonNullable<InspectReport['disk']>): string[] {
    const lines = volumeLines(volumes, unreadVolumes, this.#width - 2);
    if (lines === undefined) return [];
    const [titles, ...rows] = lines.table;
    return [
      '',
      this.#bold('Volumes'),
      ...(titles === undefined ? [] : [`  ${this.#dim(titles)}`, ...rows.map((row) => `  ${row}`)]),
      ...lines.notes.flatMap((note) => this.#item(note)),
    ];
  }

  #item(text: string): string[] {
    return wrapText(text, this.#width - 4).map((line, index) => `${index === 0 ? '  ' : '    '}${line}`);
  }

  #bold(text: string): string {
    return this.#paint('bold', text);
  }

  #dim(text: string): string {
    return this.#paint('dim', text);
  }
}

function imageLines({ image, disk }: InspectReport): Line[] {
  const { blockSize, diskSize, fileSize, modified, timestamp, sectorSize, ids, savedState, log } = image;
  const size = disk?.size ?? diskSize;
  const blocks = blockSize === undefined ? '' : `, blocks of ${formatBytes(blockSize)}`;
  return [
    ['format', `${formatText(image)}${blocks}`],
    ['creator', creatorText(image)],
    ['time stamp', timestamp === undefined ? undefined : timeText(timestamp)],
    ['disk', size === undefined ? undefined : exact(size)],
    ['file', `${exact(fileSize)}, modified ${timeText(modified)}`],
    ['allocated', disk === undefined ? undefined : partOf(disk.allocated, disk.size)],
    ['not zero', disk?.nonZero === undefined ? undefined : partOf(disk.nonZero, disk.size)],
    [
      'sectors',
      sectorSize === undefined ? undefined : `${sectorSize.logical} bytes, physically ${sectorSize.physical}`,
    ],
    ['geometry', geometryText(image)],
    ['unique id', ids.uniqueId],
    ['disk id', guidText(ids.page83Id)],
    ['data id', guidText(ids.dataWriteGuid)],
    ['parent id', ids.dataWriteGuid === undefined ? ids.parentId : guidText(ids.parentId)],
    ['saved state', savedState === true ? 'yes (the machine was suspended)' : undefined],
    [
      'log',
      log === undefined
        ? undefined
        : log.state === 'empty'
          ? 'empty'
          : `not closed cleanly; ${log.entriesToReplay} entries to replay`,
    ],
    ['bootable', disk === undefined ? undefined : bootText(disk.boot)],
    ['system', disk?.operatingSystem === undefined ? undefined : systemText(disk.operatingSystem)],
  ];
}

function formatText({ format }: ImageFacts): string {
  return format === undefined ? 'not known' : formatName(format);
}

function creatorText({ creator }: ImageFacts): string | undefined {
  if (creator === undefined) return undefined;
  const { application, version, name, operatingSystem } = creator;
  const written = `${printable(application)}${version === undefined ? '' : ` ${version}`}`;
  const words = [name, operatingSystem === undefined ? undefined : `on ${operatingSystem}`].filter(
    (word) => word !== undefined,
  );
  return words.length === 0 ? written : `${written} (${words.join(', ')})`;
}

function geometryText({ geometry }: ImageFacts): string | undefined {
  if (geometry === undefined) return undefined;
  const { cylinders, heads, sectorsPerTrack, size, differs } = geometry;
  if (cylinders === 65535) return `${cylinders}/${heads}/${sectorsPerTrack}, the maximum, which carries no information`;
  const note = differs ? ', not the size of the disk: Azure goes by the disk, old programs by this' : '';
  return `${cylinders}/${heads}/${sectorsPerTrack}, ${exact(size)}${note}`;
}

function bootText({ generations, isUncertain, reason }: NonNullable<InspectReport['disk']>['boot']): string {
  if (generations.length === 0) return `${isUncertain === true ? 'unknown' : 'no'} (${reason})`;
  return `generation ${generations.map((generation) => FIRMWARE[generation]).join(' and ')}: ${reason}`;
}

function systemText({
  name,
  version,
  edition,
  reason,
}: NonNullable<NonNullable<InspectReport['disk']>['operatingSystem']>): string {
  // The name of a distribution mostly contains its version.
  const shown = version === undefined || name.includes(version) ? [name, edition] : [name, version, edition];
  const text = shown.filter((part) => part !== undefined).join(', ');
  return `${printable(text)} (found ${printable(reason)})`;
}

function contentsOf({ fileSystem }: Volume): string {
  if (fileSystem === undefined) return 'not known';
  return fileSystem.label === undefined ? fileSystem.name : `${fileSystem.name} "${printable(fileSystem.label)}"`;
}

function typeOf({ type, typeName, role }: NonNullable<Volume['partition']>): string {
  return role === 'other' && typeName === 'Unknown type' ? type : typeName;
}

function timeText(time: string): string {
  return time.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
}

function guidText(digits: string | undefined): string | undefined {
  return digits?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function exact(bytes: number): string {
  return bytes < 1000 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}

function partOf(bytes: number, size: number): string {
  const percent = size === 0 ? 0 : (bytes / size) * 100;
  const text = percent > 0 && percent < 0.1 ? 'less than 0.1' : percent.toFixed(percent < 10 ? 1 : 0);
  return `${exact(bytes)}, ${text}% of the disk`;
}
