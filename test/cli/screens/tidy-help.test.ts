import { expect, it } from 'vitest';
import { tidyHelp } from '../../../src/cli/screens/tidy-help.ts';

it('tidyHelp removes types and the defaults of switches, and keeps useful tags', () => {
  expect(
    tidyHelp(`Positionals:
  image  The disk image[string] [required]

Options:
      --all       List every range of a table
                                                      [boolean] [default: false]
      --path      Folder            [array] [default: []]
      --progress  Show progress     [boolean] [default: true]
      --time      So long           [string] [default: "12h"]
      --for       What it is for    [choices: "vm", "data-disk"] [default: "vm"]
  -h, --help      Show help         [boolean]`),
  ).toBe(`Positionals:
  image  The disk image

Options:
      --all       List every range of a table
      --path      Folder
      --progress  Show progress
      --time      So long           [default: "12h"]
      --for       What it is for    [choices: "vm", "data-disk"] [default: "vm"]
  -h, --help      Show help`);
});
