import { expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { recordedOptions } from '../../src/cli/recorded-options.ts';

it('records what differs from the defaults, lists by line, and URLs without their query', () => {
  expect(
    recordedOptions({
      overwrite: true,
      restart: false,
      threads: 'auto',
      checksum: 'md5',
      timeout: '60s',
      manifest: undefined,
      'parent-path': ['a', 'b'],
      base: 'https://a.b/c/d.vhd?sig=c2VjcmV0',
      'sas-file': 'sas.txt',
      destination: 'https://a.b/c/d.vhd?sig=c2VjcmV0',
    }),
  ).toEqual({ overwrite: 'true', checksum: 'md5', 'parent-path': 'a\nb', base: 'https://a.b/c/d.vhd' });
});

it.each(['upload', 'download', 'verify'])('knows the defaults of %s: without options, nothing is recorded', (name) => {
  const options = COMMANDS.find((command) => command.name === name)?.options ?? {};
  const defaults = Object.fromEntries(Object.entries(options).map(([option, { default: value }]) => [option, value]));
  expect(recordedOptions(defaults)).toEqual({});
});
