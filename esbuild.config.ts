// Builds the command line into dist/program/, with the packages that it needs, because loading their six hundred files one by one takes
// three times as long and thirty MiB more; and the PowerShell module. The library in dist/ stays as the compiler wrote it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { DEFINE, SEGMENTER } from './bin/exe/build-options.ts';
import { homepageOf } from './bin/exe/manifests/homepage.ts';
import { packagesIn } from './bin/exe/packages.ts';
import { manifestText, moduleText } from './src/cli/powershell/module/module-text.ts';

/** The program, vhdup.js, and what it loads when a command needs it. All in one folder, so that they find workers by the same path. */
const OUTPUT = 'dist/program';
/** The PowerShell module. */
const MODULE = 'dist/powershell/Vhdup';
/** Loaded only when they are needed. */
const EXTERNAL = ['@azure/identity', 'koffi'];
const OWN_FILES = resolve('dist');
const { repository } = JSON.parse(readFileSync('package.json', 'utf8'));

const { metafile } = await build({
  entryPoints: ['dist/cli/vhdup.js'],
  outdir: OUTPUT,
  chunkNames: '[name]-[hash]',
  splitting: true,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: EXTERNAL,
  define: DEFINE,
  // Names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  // For the packages that are CommonJS.
  banner: {
    js: `import { createRequire as createRequireOfVhdup } from 'node:module'; const require = createRequireOfVhdup(import.meta.url);${SEGMENTER}`,
  },
  plugins: [
    {
      name: 'files-beside-the-module',
      setup: ({ onLoad }) =>
        onLoad({ filter: /\.js$/ }, ({ path }) => {
          if (!path.startsWith(OWN_FILES + sep)) return undefined;
          const source = relative(OUTPUT, path).replaceAll('\\', '/');
          const url = `new URL(${JSON.stringify(source)}, import.meta.url).href`;
          return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url) };
        }),
    },
  ],
});
// Node keeps a source of other characters in memory with two bytes for each: 5 MB.
for (const path of Object.keys(metafile.outputs)) {
  if (/[^\0-\x7f]/.test(readFileSync(path, 'utf8'))) throw new Error(`${path} must consist of ASCII.`);
}
mkdirSync(MODULE, { recursive: true });
writeFileSync(`${MODULE}/Vhdup.psm1`, moduleText());
writeFileSync(`${MODULE}/Vhdup.psd1`, manifestText(homepageOf(repository, process.env, false)));
writeFileSync('dist/vhdup.LICENSES.txt', licences(metafile));

/** What the packages in the file ask for: their licences, with it. */
function licences(metafile: Metafile): string {
  const entries = packagesIn([metafile]).map(({ name, version, license, repository, texts }) => {
    // Some packages name their licence only.
    const text = texts.length === 0 ? `From ${repository}` : texts.join('\n\n');
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `The files of the program hold parts of these packages.\n\n${entries.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
