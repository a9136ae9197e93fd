// The rule about the patch against WannaCry (MS17-010), as the certification of the Marketplace checks it.
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import { type FileVersion, readFileVersion } from '../../volume/portable-executable/file-version.ts';
import { rangedFile } from '../../volume/registry/ranged-file.ts';
import type { WindowsSystem } from '../guest/windows-system.ts';
import { fail, onlyFor, pass, type Rule } from '../rule.ts';
import { notApplicable, windowsRule } from './windows-rule.ts';

/** Least versions of the drivers, by build. Later builds have the patch from the start. */
const LEAST: ReadonlyMap<number, FileVersion> = new Map([
  [7601, [6, 1, 7601, 23_689]],
  [9200, [6, 2, 9200, 22_099]],
  [9600, [6, 3, 9600, 18_604]],
  [14_393, [10, 0, 14_393, 953]],
]);

/** Of SMB 1, which may be uninstalled, and of SMB 2. */
const DRIVERS = ['/Windows/System32/drivers/srv.sys', '/Windows/System32/drivers/srv2.sys'] as const;

const SMB_PATCH = windowsRule({
  id: 'windows-smb-patch',
  sources: ['certification'],
  title: 'Patch against WannaCry',
  reason: 'The Marketplace refuses images whose file server can be taken over without a password (MS17-010).',
  exempt: onlyFor('marketplace'),
  run: async (windows) => {
    const { build } = await windows.version();
    const least = LEAST.get(build);
    if (least === undefined) return notApplicable(`no version is required of build ${build}`);
    const { path, version } = await serverDriver(windows);
    const found = `${path} has the version ${version.join('.')}`;
    return isAtLeast(version, least)
      ? pass(found)
      : fail(`${found}, but ${least.join('.')} is needed`, 'Install all updates of Windows.');
  },
});

async function serverDriver({ files }: WindowsSystem): Promise<{ path: string; version: FileVersion }> {
  for (const path of DRIVERS) {
    const file = await rangedFile(files, path);
    if (file === undefined) continue;
    const version = await readFileVersion(file);
    if (version === undefined) throw new UnreadableError(`${path} has no version`);
    return { path, version };
  }
  throw new UnreadableError(`neither ${DRIVERS.join(' nor ')} exists`);
}

function isAtLeast(version: FileVersion, least: FileVersion): boolean {
  const index = least.findIndex((part, at) => part !== version[at]);
  return index < 0 || (version[index] ?? 0) > (least[index] ?? 0);
}

export const WINDOWS_PATCH_RULES: readonly Rule[] = [SMB_PATCH];
