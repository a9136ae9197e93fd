// Lets worker threads in tests run TypeScript, which Node before 22.18 does not support: a worker's file is built into one script
// before the worker starts. A loader inside of each worker would take 300 ms each time.
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import workerThreads, { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';

const scripts = new Map<string, string>();

workerThreads.Worker = class extends Worker {
  constructor(file: string | URL, options?: ConstructorParameters<typeof Worker>[1]) {
    if (file instanceof URL && file.pathname.endsWith('.ts')) super(scriptOf(file), { ...options, eval: true });
    else super(file, options);
  }
};
syncBuiltinESMExports();

function scriptOf(file: URL): string {
  const path = fileURLToPath(file);
  const script = scripts.get(path) ?? build(path);
  scripts.set(path, script);
  return script;
}

function build(path: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [path],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
