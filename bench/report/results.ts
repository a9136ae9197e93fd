// Stores the last run of each scenario: results.json, RESULTS.md and results.svg.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../src/base/thrown.ts';
import type { Findings } from '../bench.ts';
import type { Machine } from '../machine.ts';
import { chart } from './chart.ts';
import { markdown } from './markdown.ts';

/** The last run of a scenario. */
export interface ScenarioResult extends Findings {
  readonly name: string;
  readonly title: string;
  /** ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly scale: number;
  readonly repeat: number;
}

/** Keeps the stored results of scenarios that are not in `fresh`. `order` has the names of all scenarios. */
export async function keepResults(
  folder: string,
  fresh: readonly ScenarioResult[],
  order: readonly string[],
): Promise<void> {
  const file = join(folder, 'results.json');
  const kept = await loadResults(file);
  const results = order.flatMap((name) => [fresh, kept].flat().find((result) => result.name === name) ?? []);
  await writeFile(file, `${JSON.stringify(results, undefined, 1)}\n`);
  await writeFile(join(folder, 'RESULTS.md'), markdown(results));
  await writeFile(join(folder, 'results.svg'), chart(results));
}

async function loadResults(file: string): Promise<ScenarioResult[]> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
