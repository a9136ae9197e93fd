// Whether holes can be tested: the system must report them, and the file system must create them.
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether files in `folder` have holes that the system reports. */
export async function canTellHoles(folder: string): Promise<boolean> {
  const hasKoffi = await import('koffi').then(
    () => true,
    () => false,
  );
  return process.platform === 'linux' && hasKoffi && makesHoles(folder);
}

function makesHoles(folder: string): boolean {
  const probe = mkdtempSync(join(folder, 'vhdup-holes-'));
  try {
    const path = join(probe, 'probe');
    writeFileSync(path, '');
    truncateSync(path, 1024 * 1024);
    return statSync(path).blocks < 2048;
  } finally {
    rmSync(probe, { recursive: true });
  }
}
