// Builds the command line into one file, dist/vhdup.js, with the packages that it needs: loading their six hundred files one
// by one takes three times as long and thirty MiB more. The library in dist/ stays as the compiler wrote it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { build, type Metafile } from 'esbuild';

const OUTPUT = 'dist/vhdup.js';
/** Loaded only when they are needed. */
const EXTERNAL = ['@azure/identity', 'koffi'];
const OWN_FILES = resolve('dist');

const { metafile } = await build({
  entryPoints: ['dist/cli/vhdup.js'],
  outfile: OUTPUT,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: EXTERNAL,
  // The SDK asks of each body whether it is a form. None is, and the question alone makes Node load its fetch: 30 ms.
  define: { FormData: 'undefined' },
  // Names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  // For the packages that are CommonJS.
  banner: {
    js: "import { createRequire as createRequireOfVhdup } from 'node:module'; const require = createRequireOfVhdup(import.meta.url);",
  },
  plugins: [
    {
      name: 'files-beside-the-module',
      setup: ({ onLoad }) =>
        onLoad({ filter: /\.js$/ }, ({ path }) => {
          if (!path.startsWith(OWN_FILES + sep)) return undefined;
          const source = relative(dirname(OUTPUT), path).replaceAll('\\', '/');
          const url = `new URL(${JSON.stringify(source)}, import.meta.url).href`;
          return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url) };
        }),
    },
  ],
});
writeFileSync('dist/vhdup.LICENSES.txt', licences(metafile));

/** What the packages in the file ask for: their licences, with it. */
function licences({ inputs }: Metafile): string {
  const folders = new Set(
    Object.keys(inputs).flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []),
  );
  const entries = [...folders].sort().map((folder) => {
    const { name, version, license, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
    const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
    // Some packages name their licence only.
    if (texts.length === 0) texts.push(`From ${repository?.url ?? repository}`);
    return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
  });
  return `vhdup.js holds parts of these packages.\n\n${entries.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
