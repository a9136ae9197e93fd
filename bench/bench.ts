// The interface of scenarios, and the services for them: scaled sizes, comparisons, goals, and a folder for images.
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Comparison, type ComparisonResult, compare, type Run } from './comparison.ts';

export interface Scenario {
  /** The NAME in `npm run bench -- NAME`. */
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<void>;
}

/** The limit of a goal. */
export type Bound = { readonly atLeast: number } | { readonly atMost: number };

export interface Goal {
  readonly text: string;
  readonly bound: Bound;
  /** Undefined if it could not be measured. */
  readonly value?: number;
}

/** A single number, such as the result of a micro benchmark or the time to the first request. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** All results of a scenario. */
export interface Findings {
  readonly comparisons: ComparisonResult[];
  readonly figures: Figure[];
  readonly goals: Goal[];
  /** What was skipped, and why. */
  readonly notes: string[];
}

export interface BenchOptions {
  /** Folder for images and for files of one run. */
  readonly folder: string;
  /** Factor of the image sizes; 1 is the scenario as described. */
  readonly scale: number;
  /** Runs of each contender. */
  readonly repeat: number;
  readonly log: (line: string) => void;
}

/** The medians of a contender's runs; undefined if it was not run or failed. */
export type Medians = (contender: string) => Run | undefined;

export class Bench {
  readonly options: BenchOptions;
  readonly findings: Findings = { comparisons: [], figures: [], goals: [], notes: [] };

  constructor(options: BenchOptions) {
    this.options = options;
  }

  get folder(): string {
    return this.options.folder;
  }

  /** A size in bytes at this scale, a multiple of `unit`. */
  scaled(bytes: number, unit = 4 * 1024 ** 2): number {
    return Math.max(unit, Math.round((bytes * this.options.scale) / unit) * unit);
  }

  /** The path of an image. `build` makes it unless an earlier run has made it. */
  async image(name: string, build: (path: string) => Promise<void>): Promise<string> {
    const folder = join(this.folder, 'images');
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined)) !== undefined) return path;
    await mkdir(folder, { recursive: true });
    this.options.log(`Making ${path}`);
    const unfinished = join(folder, `unfinished-${name}`);
    await build(unfinished);
    await rename(unfinished, path);
    return path;
  }

  async compare(comparison: Comparison): Promise<Medians> {
    const result = await compare(comparison, this.options);
    this.findings.comparisons.push(result);
    return (name) => result.entries.find((entry) => entry.name === name)?.median;
  }

  figure(name: string, value: number, unit: string): void {
    this.findings.figures.push({ name, value, unit });
    this.options.log(`  ${name}: ${Number(value.toPrecision(4))} ${unit}`);
  }

  goal(text: string, bound: Bound, value: number | undefined): void {
    const known = value === undefined || Number.isNaN(value) ? {} : { value };
    this.findings.goals.push({ text, bound, ...known });
    const found = value === undefined ? 'not measured' : Number(value.toPrecision(4));
    this.options.log(
      `  ${isMet({ text, bound, ...known }) ? 'met' : 'NOT MET'}: ${text}: ${found} (${describeBound(bound)})`,
    );
  }

  note(text: string): void {
    this.findings.notes.push(text);
    this.options.log(`  ${text}`);
  }
}

/** `one` divided by `other` in a field; undefined unless both were measured. */
export function ratio(one: Run | undefined, other: Run | undefined, field: keyof Run): number | undefined {
  return one === undefined || other === undefined ? undefined : one[field] / other[field];
}

export function isMet({ value, bound }: Goal): boolean {
  if (value === undefined) return false;
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}

export function describeBound(bound: Bound): string {
  return 'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`;
}
