import { readdir, readFile, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/base/version.ts';
import { main } from '../../src/cli/main.ts';
import { type CapturedOutput, captureOutput } from '../support/captured-output.ts';
import { COMMANDS } from '../support/command-help.ts';
import { ROOT } from '../support/command-line.ts';
import { SIGNATURE, sasWith } from '../support/sas-samples.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const URL_WITH_SAS = `https://account.blob.core.windows.net/vhds/b?${sasWith()}`;

let written: CapturedOutput;

beforeEach(() => {
  written = captureOutput();
});

async function makeImage(): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: 8 * MIB, contents: [{ offset: MIB, bytes: patternOf(1, 4096) }] });
  return path;
}

describe('main', () => {
  it('prints its help and its version on stdout', async () => {
    expect(await main(['--help'], {})).toBe(0);
    for (const word of ['vhdup <command>', 'upload', 'convert']) expect(written.out).toContain(word);
    for (const words of [
      ['upload', '--help'],
      ['help', 'upload'],
    ]) {
      written.out = '';
      expect(await main(words, {})).toBe(0);
      expect(written.out).toContain('--checkpoint');
    }
    written.out = '';
    expect(await main(['--version'], {})).toBe(0);
    expect(written).toEqual({ out: `${VERSION}\n`, err: '' });
  });

  it.each(COMMANDS)(
    'gives the help of %s in 80 columns, with an example and without what goes without saying',
    async (command) => {
      expect(await main([...command.split(' '), '--help'], {})).toBe(0);
      expect(written.out).toContain(`Examples:\n  vhdup ${command} `);
      expect(written.out).not.toMatch(/\[(boolean|string|array|required)|default: (true|false|\[\])/);
      expect(written.out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    },
  );

  it('inspects a structure named before or after the image', async () => {
    const image = await makeImage();
    expect(await main(['inspect', 'footer', image], {})).toBe(0);
    const { out } = written;
    expect(out).toContain('conectix');
    written.out = '';
    expect(await main(['inspect', image, 'footer'], {})).toBe(0);
    expect(written.out).toBe(out);
  });

  it('reads the arguments behind --', async () => {
    const image = await makeImage();
    expect(await main(['inspect', '--quiet', '--', image], {})).toBe(0);
  });

  it('prints with --quiet only why a disk cannot be read', async () => {
    const image = await makeImage();
    await truncate(image, 2 * MIB);
    expect(await main(['inspect', image, '--quiet'], {})).toBe(3);
    expect(written.out).toBe('');
    expect(written.err).toMatch(/^Error: Cannot .*\.\n$/);
    written.err = '';
    expect(await main(['check', image, '--quiet'], {})).toBe(21);
    expect(written.out).toBe('');
    expect(written.err).toMatch(/^Error: image-readable: Cannot .*\.\n$/);
  });

  it.each([
    ['no command', [], 'A command is missing.'],
    ['a command that is none', ['sideload', 'disk.vhd'], 'sideload'],
    ['a mistyped command', ['uplod', 'disk.vhd', 'c/b'], 'Did you mean upload?'],
    ['a short command that lacks a letter', ['lst'], 'Did you mean list?'],
    ['a mistyped command of a group', ['disk', 'statsu', 'd'], 'Did you mean disk status?'],
    ['a mistyped option', ['upload', 'disk.vhd', 'c/b', '--dryrun'], 'Did you mean --dry-run?'],
    ['a parameter of PowerShell', ['upload', 'a.vhd', 'c/b', '--NumberOfUploaderThreads', '5'], 'mean --threads?'],
    ['a mistyped negation', ['upload', 'disk.vhd', 'c/b', '--no-progres'], 'Did you mean --no-progress?'],
    [
      'parameters of PowerShell',
      ['upload', '-LocalFilePath', 'a', '-Destination', URL_WITH_SAS],
      'Run: vhdup add-azurevhd -LocalFilePath a',
    ],
    ['a URL before the image', ['upload', URL_WITH_SAS, 'disk.vhd'], 'If the URL is the destination, write it after'],
    ['a URL as the image', ['inspect', URL_WITH_SAS], 'save it to a file first: vhdup download'],
    ['no image', ['upload'], 'is missing'],
    ['no destination', ['upload', 'disk.vhd'], 'The destination is missing'],
    ['an option that is none', ['upload', 'disk.vhd', 'c/b', '--fast'], 'fast'],
    ['too much', ['upload', 'disk.vhd', 'c/b', 'more'], 'more'],
    ['an option without its value', ['upload', 'disk.vhd', 'c/b', '--checkpoint'], 'checkpoint'],
    ['an option twice', ['upload', 'disk.vhd', URL_WITH_SAS, '--threads', '1', '--threads', '2'], 'more than once'],
    ['threads that are no number', ['upload', 'disk.vhd', URL_WITH_SAS, '--threads', 'x'], '--threads'],
    ['too many threads', ['upload', 'disk.vhd', URL_WITH_SAS, '--threads', '65'], '1 to 64'],
    [
      'a duration that is none',
      ['upload', 'disk.vhd', URL_WITH_SAS, '--timeout', 'soon'],
      '--timeout must be a duration',
    ],
    ['another checksum', ['upload', 'disk.vhd', URL_WITH_SAS, '--checksum', 'sha1'], 'sha1'],
    ['a metadata name that would be dropped', ['upload', 'disk.vhd', URL_WITH_SAS, '-m', '__proto__=x'], '__proto__'],
    ['metadata that is there twice', ['upload', 'disk.vhd', URL_WITH_SAS, '-m', 'a=1', '-m', 'a=2'], 'more than once'],
    ['an empty command for a SAS', ['upload', 'disk.vhd', URL_WITH_SAS, '--sas-command', ''], '--sas-command is empty'],
    ['a blank file for a SAS', ['upload', 'disk.vhd', URL_WITH_SAS, '--sas-file', ' '], '--sas-file is empty'],
    ['metadata without a value', ['upload', 'disk.vhd', URL_WITH_SAS, '-m', 'name'], 'name=value'],
    ['retries that are no number', ['upload', 'disk.vhd', URL_WITH_SAS, '--retries', '-1'], 'retries'],
    ['a destination that is none', ['upload', 'disk.vhd', 'c/b'], 'AZURE_STORAGE_ACCOUNT'],
    ['a destination that is no URL', ['upload', 'disk.vhd', 'nowhere'], 'is not a URL'],
  ])('exits with 2 for %s, and explains it in one message', async (_, args, message) => {
    expect(await main(args, {})).toBe(2);
    expect(written.out).toBe('');
    expect(written.err).toContain(message);
    expect(written.err).not.toContain(SIGNATURE.slice(4, 12));
    expect(written.err).not.toContain('bug');
  });

  it.each([
    ['inspect', 'a\u001b[31m', 'b\u001b[31m'],
    ['inspect', 'a\u001b[31m', '--all'],
    ['check', 'a', 'b\u001b[31m'],
    ['check\u001b[31m', 'a'],
  ])('escapes control characters in misplaced file names: %j', async (...args) => {
    expect(await main(args, {})).toBe(2);
    expect(written.err).toContain('\\u{1b}[31m');
    expect(written.err).not.toContain('\u001b');
  });

  it('exits with 2 for an invalid environment', async () => {
    expect(await main(['upload', 'disk.vhd', 'c/b'], { AZURE_STORAGE_CONNECTION_STRING: 'nonsense' })).toBe(2);
  });

  it('exits with 8 for a SAS without the needed permission, before it opens the image', async () => {
    expect(await main(['upload', '/absent/disk.vhd', URL_WITH_SAS.replace('sp=rw', 'sp=r')], {})).toBe(8);
    expect(written.err).toContain('missing w');
  });

  it('exits with 3 for a missing image', async () => {
    expect(await main(['upload', '/absent/disk.vhd', URL_WITH_SAS], {})).toBe(3);
    expect(written.err).toContain('/absent/disk.vhd');
  });

  it.each([
    ['an image that is not there', '/absent/disk.vhd', 'no such file'],
    ['an image of another kind', join(ROOT, 'package.json'), 'VHD'],
    ['a folder for an image', ROOT, 'not a regular file'],
  ])('exits with 3 for %s', async (_, image, message) => {
    expect(await main(['convert', image, '/tmp/x'], {})).toBe(3);
    expect(written.err).toContain(message);
    expect(written.err).not.toContain('bug');
  });

  it('reports with --dry-run what would be sent, without a destination, and writes nothing', async () => {
    const image = await makeImage();
    expect(await main(['upload', image, '--dry-run', '--no-progress'], {})).toBe(0);
    expect(written.out).toContain('4.50 KiB (4608 bytes) in 2 requests');
    expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
  });

  it('reports the dry run as JSON', async () => {
    const image = await makeImage();
    expect(await main(['upload', image, '--dry-run', '--json'], {})).toBe(0);
    const lines = written.out.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'result', send: 4608, requests: 2 });
  });

  it('converts an image', async () => {
    const image = await makeImage();
    expect(await main(['convert', image, `${image}.raw`, '--raw', '--no-progress', '-t', '2'], {})).toBe(0);
    expect(written.out).toContain(`Wrote ${image}.raw: 8.00 MiB (8388608 bytes), of which 4.00 KiB are data`);
    expect((await readFile(`${image}.raw`)).length).toBe(8 * MIB);
    expect(await main(['convert', image, `${image}.raw`], {})).toBe(11);
    expect(await main(['convert', image, image, '--overwrite'], {})).toBe(2);
  });

  it.each([
    ['vhd-dynamic', 'conectix'],
    ['vhdx', 'vhdxfile'],
    ['vhd', '\0\0\0\0\0\0\0\0'],
  ])('converts an image to %s', async (format, beginning) => {
    const image = await makeImage();
    expect(await main(['convert', image, `${image}.out`, '--format', format, '--no-progress'], {})).toBe(0);
    expect((await readFile(`${image}.out`)).toString('latin1', 0, 8)).toBe(beginning);
  });

  it('refuses contradicting formats, and an unknown one', async () => {
    const image = await makeImage();
    expect(await main(['convert', image, `${image}.out`, '--raw', '--format', 'vhdx'], {})).toBe(2);
    expect(written.err).toContain('--raw is another name for --format raw, but --format is vhdx');
    expect(await main(['convert', image, `${image}.out`, '--format', 'qcow2'], {})).toBe(2);
    expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
  });

  it('reads the image of convert as a raw disk with --image-format', async () => {
    const image = await makeImage();
    const options = ['--image-format', 'raw', '--format', 'raw', '--no-progress'];
    expect(await main(['convert', image, `${image}.out`, ...options], {})).toBe(0);
    expect((await readFile(`${image}.out`)).equals(await readFile(image))).toBe(true);
  });

  it.each([
    ['a wrong option', ['check', 'a.vhd', '--json', '--bogus']],
    ['a missing argument', ['upload', 'a.vhd', '--json']],
    ['a missing confirmation', ['disk', 'abort', 'web01', '-g', 'rg', '--json']],
    ['a parameter of a cmdlet', ['upload', '--json', '-LocalFilePath', 'a.vhd']],
  ])('reports %s as JSON, too', async (_, args) => {
    expect(await main(args, {})).toBe(2);
    expect(JSON.parse(written.out)).toMatchObject({ type: 'error', code: 'USAGE', exitCode: 2 });
    expect(written.err).toMatch(/^Error: /);
  });

  it('names a wrong option once, as it was typed', async () => {
    expect(await main(['check', 'a.vhd', '--log-file', 'x'], {})).toBe(2);
    expect(written.err).toBe('Error: Unknown argument: log-file. Run vhdup --help for help.\n');
    expect(await main(['check', 'a.vhd', '--log-file', 'x', '--bogus'], {})).toBe(2);
    expect(written.err).toContain('Unknown arguments: log-file, bogus.');
    expect(await main(['upload', 'a', 'b', '--no-such'], {})).toBe(2);
    expect(written.err).toContain('Unknown argument: no-such.');
  });

  it('does not change names that look like numbers', async () => {
    expect(await main(['convert', '007', '1e3'], {})).toBe(3);
    expect(written.err).toContain('007');
  });
});

describe('options by environment variables', () => {
  it('stand for options, also for switches', async () => {
    const image = await makeImage();
    expect(await main(['upload', image], { VHDUP_DRY_RUN: '1', VHDUP_JSON: 'true', VHDUP_PROGRESS: '0' })).toBe(0);
    const lines = written.out.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'result', send: 4608 });
    // The disk is small: the upload would warn of that, too.
    expect(written.err).toMatch(/^Warning: At least 20 MiB: .*\n$/);
  });

  it('give way to the command line, in both directions', async () => {
    const image = await makeImage();
    expect(
      await main(['upload', image, '-n', '--threads', '2', '--no-json'], { VHDUP_THREADS: 'x', VHDUP_JSON: '1' }),
    ).toBe(0);
    expect(written.out).toContain('4.50 KiB (4608 bytes) in 2 requests');
  });

  it('are named in errors and with --verbose, without their values', async () => {
    const image = await makeImage();
    expect(await main(['upload', image, '-n'], { VHDUP_THREADS: 'many' })).toBe(2);
    expect(written.err).toContain(
      '--threads must be a whole number, but is "many". The value comes from the environment variable VHDUP_THREADS.',
    );
    written.err = '';
    const secret = 'sig=c2VjcmV0c2VjcmV0';
    expect(await main(['upload', image, '-n', '-v', '--no-progress'], { VHDUP_SAS_COMMAND: `echo "${secret}"` })).toBe(
      0,
    );
    expect(written.err).toContain('VHDUP_SAS_COMMAND sets --sas-command.');
    expect(written.out + written.err).not.toContain(secret);
  });

  it('are ignored by commands that do not have the option, and refused if none has it', async () => {
    const folder = await temporaryFolder();
    expect(await main(['list', folder], { VHDUP_THREADS: '8', VHDUP_LOG_FILE: join(folder, 'log') })).toBe(0);
    expect(await readdir(folder)).toEqual([]);
    expect(await main(['list', folder, '--json'], { VHDUP_TREADS: '8' })).toBe(2);
    expect(JSON.parse(written.out.trim().split('\n').at(-1) ?? '')).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('VHDUP_TREADS stands for no option of vhdup. Did you mean VHDUP_THREADS?'),
    });
    expect(await main(['list', '--help'], { VHDUP_TREADS: '8' })).toBe(0);
  });

  it('do not stand for arguments', async () => {
    expect(await main(['convert'], { VHDUP_STRUCTURE: 'footer' })).toBe(2);
    expect(written.err).toContain('VHDUP_STRUCTURE stands for no option');
  });
});
