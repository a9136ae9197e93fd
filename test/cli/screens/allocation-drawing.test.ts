import { describe, expect, it } from 'vitest';
import { CellCounts } from '../../../src/base/cell-counts.ts';
import { drawAllocation, drawingCells } from '../../../src/cli/screens/allocation-drawing.ts';
import { ASCII, UNICODE } from '../../../src/cli/screens/symbols.ts';

const MIB = 1024 * 1024;

describe('the drawing of an allocation', () => {
  it('fits the width and shows the offset of each row', () => {
    for (const width of [80, 140]) {
      const counts = new CellCounts(100 * 1024 * MIB, drawingCells(width));
      counts.add({ offset: 0, length: 30 * 1024 * MIB });
      const lines = drawAllocation(
        { cellSize: counts.cellSize, allocated: counts.shares() },
        { width, symbols: UNICODE },
      );
      for (const line of lines) expect([...line].length).toBeLessThanOrEqual(width);
      expect(lines.filter((line) => line.endsWith('│'))).toHaveLength(6);
      expect(lines[0]).toMatch(/^ {7}0 B │█+│$/);
      expect(lines[1]).toMatch(/^ {2}16\.\d GiB │█+[░▒▓]?·+│$/);
    }
  });

  it('shows by density how much of a cell is allocated', () => {
    const map = { cellSize: MIB, allocated: [0, 0.0001, 1 / 3, 0.5, 0.9999, 1] };
    expect(drawAllocation(map, { width: 80, symbols: UNICODE })[0]).toBe('       0 B │·░░▒▓█│');
    expect(drawAllocation(map, { width: 80, symbols: ASCII })[0]).toBe('       0 B |.--+*#|');
  });

  it('shows by density how much of a cell is data after a scan', () => {
    const map = { cellSize: MIB, allocated: [0, 1, 1, 1, 1], nonZero: [0, 0, 0.5, 0.9, 1] };
    expect(drawAllocation(map, { width: 80, symbols: UNICODE })[0]).toBe('       0 B │·░▒▓█│');
    expect(drawAllocation(map, { width: 80, symbols: ASCII }).at(-1)).toContain('. not allocated, - zeros');
  });
});
