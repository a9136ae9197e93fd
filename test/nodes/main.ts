// npm run test:nodes [-- LINE ...] [--all]: runs the tests on other lines of Node than the one that is installed.
// Each line runs all unit tests. The lines share the integration tests, since these mostly wait: together they run all of them
// once. With --all, each line runs all of them.
import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { LINES, linesNamed, type NodeLine, nodeOfLine } from './lines.ts';

const VITEST = 'node_modules/vitest/vitest.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false } },
});
const lines = positionals.length === 0 ? LINES : linesNamed(positionals);
const failed = lines.filter((line) => !testsPass(line));
for (const { version } of failed) process.stderr.write(`Tests failed on Node ${version}.\n`);
process.exitCode = failed.length > 0 ? 1 : 0;

function testsPass(line: NodeLine): boolean {
  const node = nodeOfLine(line);
  const share = `${LINES.indexOf(line) + 1}/${LINES.length}`;
  const runs = [
    { name: 'unit', args: ['--project', 'unit', '--project', 'mocking'] },
    { name: 'integration', args: ['--project', 'integration', ...(values.all ? [] : ['--shard', share])] },
  ];
  // Each run has a report of its own, and none is left out because another has failed.
  const outcomes = runs.map(({ name, args }) => {
    process.stdout.write(`\nNode ${line.version}: ${name} tests\n`);
    const report = `--outputFile.json=test-report-node-${line.name}-${name}.json`;
    const { status } = spawnSync(node, [VITEST, 'run', ...args, report], {
      stdio: 'inherit',
      // For programs that tests start by the name of node, such as npm.
      env: { ...process.env, PATH: [dirname(node), process.env['PATH']].join(delimiter) },
    });
    return status === 0;
  });
  return outcomes.every(Boolean);
}
