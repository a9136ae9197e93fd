// qemu-img as an independent writer and reader of VHDs.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const hasQemuImg = spawnSync('qemu-img', ['--version']).status === 0;

export const NO_QEMU_IMG = 'qemu-img is not installed';

/** Returns the standard output. @throws if it fails. */
export async function qemuImg(...args: readonly string[]): Promise<string> {
  return (await run('qemu-img', [...args], { maxBuffer: 16 * 1024 * 1024 })).stdout;
}
