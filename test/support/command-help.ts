// Parses the --help of a command.
import { main } from '../../src/cli/main.ts';
import { captureOutput } from './captured-output.ts';

export const COMMANDS = [
  ...(['upload', 'download', 'list', 'abort', 'verify', 'report', 'convert', 'inspect', 'check', 'sas'] as const),
  ...(['disk status', 'disk abort', 'image create', 'image status', 'completion', 'powershell', 'version'] as const),
];

export interface HelpOption {
  /** Without hyphens. */
  readonly name: string;
  readonly alias: string | undefined;
  /** As the help prints it, without quotes. */
  readonly defaultValue: string | undefined;
}

/** Call in a test: the output is restored when the test ends. */
export async function helpOf(command: string): Promise<string> {
  const written = captureOutput();
  await main([...command.split(' '), '--help'], {});
  return written.out;
}

/** Every option in the help of a command. */
export async function optionsOf(command: string): Promise<HelpOption[]> {
  const [, text = ''] = (await helpOf(command)).split(/^Options:\n/m);
  const [list = ''] = text.split(/\n\n/);
  const entries = list.split(/\n(?=\s{2,8}(?:-\w, )?--)/);
  return entries.map((entry) => {
    const [, alias, name = ''] = /^\s*(?:-(\w), )?--([a-z0-9-]+)/.exec(entry) ?? [];
    const [, value] = /\[default: "?([^"\]]+)"?\]/.exec(entry.replace(/\s+/g, ' ')) ?? [];
    return { name, alias, defaultValue: value };
  });
}
