// Describes the machine and the versions behind the figures.
import { execFile } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import { findAzcopy } from '../test/support/azcopy.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  /** Load of the last minute, in cores. */
  readonly load: number;
  /** Versions of the tools in this run. */
  readonly versions: Readonly<Record<string, string>>;
}

export async function describeMachine(): Promise<Machine> {
  const azcopy = await findAzcopy();
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    load: loadavg()[0] ?? 0,
    versions: {
      node: process.version,
      vhdup: await firstLine('git', ['describe', '--always', '--dirty']),
      azcopy: azcopy.path === undefined ? azcopy.reason : await firstLine(azcopy.path, ['--version']),
    },
  };
}

async function firstLine(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args]);
    return stdout.split('\n')[0] ?? '';
  } catch {
    return 'unknown';
  }
}
