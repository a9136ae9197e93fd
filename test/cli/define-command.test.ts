import { describe, expect, it } from 'vitest';
import yargs from 'yargs';
import { COMMANDS } from '../../src/cli/commands.ts';
import { type Command, defineCommand, groupCommands } from '../../src/cli/define-command.ts';
import { UsageError } from '../../src/errors.ts';
import { captureOutput } from '../support/captured-output.ts';

const seen: unknown[] = [];

const copyCommand = defineCommand({
  name: 'copy',
  describe: 'Copy a file',
  positionals: {
    from: { type: 'string', demandOption: true, describe: 'File to read' },
    to: { type: 'string', describe: 'File to write' },
  },
  options: {
    mode: { choices: ['fast', 'safe'], default: 'safe', describe: 'How' },
    'dry-run': { type: 'boolean', default: false, describe: 'Do not write' },
    tag: { alias: 'g', type: 'string', array: true, nargs: 1, describe: 'Can be repeated' },
  },
  examples: ['copy a b'],
  epilog: 'Exits with 7.',
  run: (args, { execute, environment }) => {
    // This compiles only if the types come from the declarations.
    const from: string = args.from;
    const to: string | undefined = args.to;
    const mode: 'fast' | 'safe' = args.mode;
    const dryRun: boolean = args.dryRun;
    const tags: string[] | undefined = args.tag;
    seen.push({ from, to, mode, dryRun, tags, home: environment['HOME'] });
    return execute({
      run: () => Promise.resolve({ copied: 3 }),
      describe: ({ copied }) => `Copied ${copied}.`,
      exitCode: () => 7,
    });
  },
});

const tapeCommand = defineCommand({
  name: 'tape label',
  describe: 'Label a tape',
  positionals: { name: { type: 'string', demandOption: true, describe: 'Name of the tape' } },
  options: { version: { type: 'string', describe: 'Version of the label' } },
  examples: ['tape label t1'],
  run: ({ name, version }) => {
    seen.push({ name, version });
    return Promise.resolve(3);
  },
});

function parse(...args: string[]): Promise<number | undefined> {
  return parseWith(copyCommand, ...args);
}

async function parseWith(command: Pick<Command, 'addTo'>, ...args: string[]): Promise<number | undefined> {
  let exitCode: number | undefined;
  const program = command.addTo(
    yargs().scriptName('vhdup').exitProcess(false),
    { environment: { HOME: '/h' } },
    (code) => {
      exitCode = code;
    },
  );
  await program
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync(args);
  return exitCode;
}

describe('defineCommand', () => {
  it('runs the command with typed arguments, prints the result and returns the exit code', async () => {
    const written = captureOutput();
    expect(await parse('copy', 'a', 'b', '--dry-run', '-g', '1', '--tag', '2')).toBe(7);
    expect(seen.pop()).toEqual({ from: 'a', to: 'b', mode: 'safe', dryRun: true, tags: ['1', '2'], home: '/h' });
    expect(written.out).toBe('Copied 3.\n');
  });

  it('adds the output options to every command', async () => {
    const written = captureOutput();
    await parse('copy', 'a', '--json');
    expect(JSON.parse(written.out)).toEqual({ type: 'result', time: expect.any(String), copied: 3 });
    await parse('copy', 'a', '-q');
    expect(written.out.split('\n')).toHaveLength(2);
  });

  it('prints help with arguments, options, examples and epilog', async () => {
    const written = captureOutput();
    await parse('copy', '--help');
    expect(written.out).toMatch(/^vhdup copy <from> \[to\]\n\nCopy a file\n/);
    const positionals = /Positionals:\n([\s\S]*?)\n\n/.exec(written.out)?.[1] ?? '';
    expect(positionals).toMatch(/^ {2}from .*File to read.*\n {2}to .*File to write/);
    for (const text of ['--dry-run', '-g, --tag', '--json', 'vhdup copy a b', 'Exits with 7.']) {
      expect(written.out).toContain(text);
    }
    expect(written.out.match(/File to read/g)).toHaveLength(1);
  });

  it('refuses an option that is repeated but takes one value', async () => {
    await expect(parse('copy', 'a', '--mode', 'fast', '--mode', 'safe')).rejects.toThrow(
      new UsageError('--mode was given more than once.'),
    );
  });
});

describe('groupCommands', () => {
  const group = groupCommands('tape', 'Label and wind tapes', [tapeCommand]);

  it('runs the command of the second word, which may have its own --version', async () => {
    expect(await parseWith(group, 'tape', 'label', 't1', '--version', '1.0.0')).toBe(3);
    expect(seen.pop()).toEqual({ name: 't1', version: '1.0.0' });
  });

  it('prints the help of the group and of its command', async () => {
    const written = captureOutput();
    await parseWith(group, 'tape', '--help');
    expect(written.out).toMatch(/vhdup tape label <name>\s+Label a tape/);
    written.out = '';
    await parseWith(group, 'tape', 'label', '--help');
    expect(written.out).toMatch(/^vhdup tape label <name>\n\nLabel a tape\n/);
    expect(written.out).toContain('vhdup tape label t1');
  });

  it('names its commands if there is no second word', async () => {
    await expect(parseWith(group, 'tape')).rejects.toThrow('vhdup tape needs a command: vhdup tape label.');
  });
});

describe('COMMANDS', () => {
  it('have descriptions and options in the same form', () => {
    expect(COMMANDS.map(({ name }) => name)).toEqual([
      ...['upload', 'download', 'list', 'abort', 'verify', 'report', 'convert', 'check', 'inspect', 'sas'],
      ...['disk status', 'disk abort', 'image create', 'image status', 'completion', 'powershell', 'version'],
    ]);
    for (const { name, options } of COMMANDS) {
      for (const [option, { describe: text = '', array, default: value }] of Object.entries(options)) {
        // "[value]" at the end is a default that yargs does not know.
        expect(text, `${name} --${option}`).toMatch(/^[A-Z"].*[^.]$/);
        if (array)
          expect([text, value], `${name} --${option}`).toEqual([expect.stringContaining('can be repeated'), []]);
      }
    }
  });
});
