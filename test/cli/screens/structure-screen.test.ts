import { describe, expect, it } from 'vitest';
import { showStructures } from '../../../src/cli/screens/structure-screen.ts';
import type { StructuresReport } from '../../../src/inspect/inspect-structures.ts';
import { PIPE, TERMINAL } from '../../support/screens.ts';

const REPORT: StructuresReport = {
  format: 'vhd',
  structure: 'header',
  structures: [
    {
      name: 'dynamic header',
      offset: 512,
      length: 1024,
      problems: ['its checksum is 0x00000001, but its bytes give 0x00000002'],
      fields: [
        { name: 'Cookie', value: 'cx\u001b[2J\u202e' },
        { name: 'Block Size', value: 2_097_152, meaning: '2 MiB' },
        { name: 'Parent Unicode Name', value: '' },
      ],
      rows: [
        { firstBlock: 0, state: 'allocated', offset: 4096, nothing: undefined },
        { firstBlock: 100, state: 'not \u009b31m', offset: undefined, nothing: undefined },
      ],
      rowsLeftOut: 7,
    },
  ],
};

describe('the screen of structures', () => {
  it('shows fields, tables and problems without control characters', () => {
    expect(showStructures(REPORT, PIPE).split('\n')).toEqual([
      'dynamic header: 1024 bytes at 512',
      '  WRONG its checksum is 0x00000001, but its bytes give 0x00000002',
      '  Cookie               cx\\u{1b}[2J\\u{202e}',
      '  Block Size           2097152 (2 MiB)',
      '  Parent Unicode Name  (empty)',
      '',
      '  first block  state          offset',
      '            0  allocated        4096',
      '          100  not \\u{9b}31m',
      '  and 7 more; --all lists them, --block N shows one block',
    ]);
  });

  it('shows a table of a million rows, as with --all', () => {
    const rows = Array.from({ length: 1_000_000 }, (_, block) => ({ firstBlock: block, state: 'allocated' }));
    const structure = { name: 'BAT', offset: 0, length: 4_000_000, problems: [], fields: [], rows };
    const shown = showStructures({ format: 'vhd', structure: 'bat', structures: [structure] }, PIPE);
    expect(shown.endsWith('\n       999999  allocated')).toBe(true);
  });

  it('marks titles and problems on a terminal', () => {
    const shown = showStructures(REPORT, TERMINAL);
    expect(shown).toContain('\u001b[1mdynamic header: 1024 bytes at 512');
    expect(shown).toContain(' wrong ');
    expect(shown).not.toContain('\u001b[2J');
  });
});
