import { beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { type CapturedOutput, captureOutput } from '../../support/captured-output.ts';

let written: CapturedOutput;

beforeEach(() => {
  written = captureOutput();
});

describe('vhdup convert without the name of the file to write', () => {
  it.each([
    [['disk.vhdx', '--format', 'vhd'], 'vhdup convert disk.vhdx disk.vhd\n'],
    [['disk.vhdx'], 'vhdup convert disk.vhdx disk.vhd\n'],
    [['disk.vhd'], 'vhdup convert disk.vhd disk-converted.vhd\n'],
    [['disk.vhd', '--format', 'vhdx'], 'vhdup convert disk.vhd disk.vhdx\n'],
    [['a.b/disk', '--format', 'vhd-dynamic'], 'vhdup convert a.b/disk a.b/disk.vhd --format vhd-dynamic\n'],
    [['disk.vhdx', '--raw'], 'vhdup convert disk.vhdx disk.img --format raw\n'],
    [['my disk.vhdx'], "vhdup convert 'my disk.vhdx' 'my disk.vhd'\n"],
  ])('proposes one: %j', async (args, command) => {
    expect(await main(['convert', ...args], {})).toBe(2);
    expect(written.err).toContain('The name of the file to write is missing. For example: ');
    const shown = process.platform === 'win32' ? command.replaceAll("'", '"') : command;
    expect(written.err.endsWith(shown), written.err).toBe(true);
  });
});
