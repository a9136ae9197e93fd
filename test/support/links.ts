// Whether this system makes symbolic links: on Windows that takes a right or the developer mode, and some file systems have none.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function canLink(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'vhdup-link-'));
  try {
    symlinkSync('target', join(folder, 'link'), 'file');
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const HAS_SYMBOLIC_LINKS = canLink();
