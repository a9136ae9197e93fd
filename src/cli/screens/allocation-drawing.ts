// Draws the allocated space of a disk. A denser character means more.
import type { AllocationMap } from '../../inspect/allocation-map.ts';
import type { Symbols } from './symbols.ts';
import { formatBytes } from './units.ts';
import { wrapText } from './wrap-text.ts';

export interface DrawingOptions {
  /** Width of the terminal in characters. */
  readonly width: number;
  readonly symbols: Symbols;
}

const ROWS = 6;
const OFFSET_WIDTH = 10;
const FRAME = ' ||'.length;

/** Number of cells in a drawing of this width. */
export function drawingCells(width: number): number {
  return columnsIn(width) * ROWS;
}

/** The lines of the map, each with the offset of its first cell, and the legend. */
export function drawAllocation(map: AllocationMap, { width, symbols }: DrawingOptions): string[] {
  const { shades, edge } = symbols;
  const { allocated, nonZero, cellSize } = map;
  const columns = columnsIn(width);
  const lines: string[] = [];
  for (let first = 0; first < allocated.length; first += columns) {
    const cells = allocated.slice(first, first + columns).map((share, index) => {
      const level = nonZero === undefined ? levelOf(share) : scannedLevelOf(share, nonZero[first + index] ?? 0);
      return shades[level];
    });
    const offset = formatBytes(first * cellSize).padStart(OFFSET_WIDTH);
    lines.push(`${offset} ${edge}${cells.join('')}${edge}`);
  }
  const indent = ' '.repeat(OFFSET_WIDTH + 2);
  const words = wrapText(legend(shades, nonZero !== undefined), width - indent.length);
  return [...lines, ...words.map((line) => indent + line)];
}

function columnsIn(width: number): number {
  return Math.max(16, width - OFFSET_WIDTH - FRAME - 2);
}

function levelOf(share: number): 0 | 1 | 2 | 3 | 4 {
  if (share === 0) return 0;
  return share <= 1 / 3 ? 1 : share <= 2 / 3 ? 2 : share < 1 ? 3 : 4;
}

function scannedLevelOf(allocated: number, nonZero: number): 0 | 1 | 2 | 3 | 4 {
  if (allocated === 0) return 0;
  return nonZero === 0 ? 1 : nonZero <= 1 / 2 ? 2 : nonZero < 1 ? 3 : 4;
}

function legend([none, some, more, most, all]: Symbols['shades'], isScanned: boolean): string {
  return isScanned
    ? `${none} not allocated, ${some} zeros, ${more} up to half data, ${most} more, ${all} all data`
    : `${none} none, ${some} up to a third, ${more} two thirds, ${most} more, ${all} all allocated`;
}
