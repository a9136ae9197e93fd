// Bundles the program for an executable: one script, and the text of each worker.
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { DEFINE, SEGMENTER } from './build-options.ts';

/** What `npm run build` has compiled. */
const COMPILED = 'dist';

const OPTIONS = {
  bundle: true,
  platform: 'node',
  // An executable runs a script, not a module; so does a worker that is given as text.
  format: 'cjs',
  target: 'node22',
  define: {
    ...DEFINE,
    // There is no file beside the executable that the program needs.
    'import.meta.url': 'urlOfExecutable',
  },
  banner: { js: `const urlOfExecutable = require('node:url').pathToFileURL(process.execPath).href;${SEGMENTER}` },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  write: false,
  logLevel: 'warning',
  // Its native part is an asset of the executable.
  external: ['koffi'],
} as const satisfies BuildOptions;

export interface Bundle {
  readonly script: string;
  /** Texts by the names that `startWorker` asks for. */
  readonly workers: ReadonlyMap<string, string>;
  readonly metafiles: readonly Metafile[];
}

export async function bundle(): Promise<Bundle> {
  const main = await bundleOne(`${COMPILED}/cli/executable.js`);
  const paths = readdirSync(COMPILED, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /-worker\.js$/.test(path),
  );
  const workers = await Promise.all(
    paths.map(async (path) => ({ name: basename(path), ...(await bundleOne(`${COMPILED}/${path}`)) })),
  );
  return {
    script: main.text,
    workers: new Map(workers.map(({ name, text }) => [name, text])),
    metafiles: [main.metafile, ...workers.map(({ metafile }) => metafile)],
  };
}

async function bundleOne(entry: string): Promise<{ text: string; metafile: Metafile }> {
  const { outputFiles, metafile } = await build({ ...OPTIONS, entryPoints: [entry] });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`esbuild wrote nothing for ${entry}.`);
  return { text: file.text, metafile };
}
