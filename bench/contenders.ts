// The tools that are compared, each with the command line that uploads one image.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { azcopyEnvironment, azcopyUploadArgs, findAzcopy } from '../test/support/azcopy.ts';
import type { Command } from './command.ts';
import type { Service } from './service.ts';

const SCRIPT = fileURLToPath(new URL('../bin/vhdup.js', import.meta.url));
const EXECUTABLE = process.env['VHDUP_BENCH_PROGRAM'];

/** What runs vhdup: a program, and arguments before those of vhdup. */
export type Program = readonly [path: string, ...args: string[]];

/** The command line that `npm run build` has written, by a Node. */
export function nodeProgram(node: string): Program {
  return [node, SCRIPT];
}

/** By this Node, or an executable that VHDUP_BENCH_PROGRAM names. */
const VHDUP: Program = EXECUTABLE === undefined ? nodeProgram(process.execPath) : [EXECUTABLE];

/** A tool, its settings, and the image that it uploads. */
export interface Contender {
  readonly name: string;
  readonly image: string;
  /** Maximum number of runs, for runs that take minutes and hardly vary. */
  readonly repeat?: number;
  /** `home` is an empty folder for the files of the tool. */
  command(service: Service, url: string, home: string): Promise<Command>;
}

export interface ContenderOptions {
  readonly name?: string;
  readonly image: string;
  readonly options?: readonly string[];
  readonly repeat?: number;
}

/** vhdup as built in dist/. */
export function vhdup({ name = 'vhdup', options = [], ...rest }: ContenderOptions): Contender {
  return {
    name,
    ...rest,
    command: (service, url, home) =>
      Promise.resolve(
        vhdupCommand(service, ['upload', rest.image, url, '--checkpoint', join(home, 'checkpoint.json'), ...options]),
      ),
  };
}

/** Any command of vhdup. */
export function vhdupCommand(
  { caFile }: Pick<Service, 'caFile'>,
  args: readonly string[],
  [program, ...first]: Program = VHDUP,
): Command {
  return {
    program,
    args: [...first, ...args],
    env: caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile },
  };
}

/** AzCopy with its defaults, or without its pacer of page blobs. */
export function azcopy({ name, paced = true, ...rest }: ContenderOptions & { paced?: boolean }): Contender {
  return {
    name: name ?? (paced ? 'AzCopy' : 'AzCopy, pacer off'),
    ...rest,
    command: async ({ caFile }, url, home) => {
      const found = await findAzcopy();
      if (found.path === undefined) throw new Error(found.reason);
      await mkdir(home, { recursive: true });
      return {
        program: found.path,
        args: azcopyUploadArgs(rest.image, url),
        env: {
          ...azcopyEnvironment(home),
          ...(paced ? {} : { AZCOPY_PACE_PAGE_BLOBS: 'false' }),
          ...(caFile === undefined ? {} : { SSL_CERT_FILE: caFile }),
        },
      };
    },
  };
}
