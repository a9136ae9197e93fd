// Whether symbolic links can be created. Windows requires a privilege or the developer mode, and some file systems lack them.
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
