// Runs programs that make images.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const LIMIT_MS = 15 * 60_000;

/** Runs a program to its end. @throws with its stderr if it fails, or if it is not installed. */
export async function runTool(
  program: string,
  args: readonly string[],
  accepted: readonly number[] = [0],
): Promise<string> {
  try {
    const env = { ...process.env, PATH };
    const { stdout } = await promisify(execFile)(program, [...args], { env, timeout: LIMIT_MS, maxBuffer: 2 ** 28 });
    return stdout;
  } catch (error) {
    const { code, stderr = '' } = error as { code?: number | string; stderr?: string };
    if (typeof code === 'number' && accepted.includes(code)) return '';
    throw new Error(
      `${program} failed: ${code === 'ENOENT' ? 'it is not installed' : stderr.trim().slice(-400) || String(error)}`,
      {
        cause: error,
      },
    );
  }
}
