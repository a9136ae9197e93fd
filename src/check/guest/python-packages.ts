// Finds files of Python packages: each distribution and each version of Python has another folder for them.
import type { LinuxSystem } from './linux-system.ts';

const LIBRARY_FOLDERS = ['/usr/lib', '/usr/local/lib', '/usr/lib64'] as const;
const PACKAGE_FOLDERS = ['dist-packages', 'site-packages'] as const;

/** Python versions and eggs examined at most. */
const MAX_FOLDERS = 40;

/** The path of `file`, "azurelinuxagent/common/version.py", in any folder of packages. @throws {GuestUnreadableError} */
export async function findInPython(system: LinuxSystem, file: string): Promise<string | undefined> {
  for (const folder of await packageFolders(system)) {
    const path = `${folder}/${file}`;
    if ((await system.look(path)).kind !== 'absent') return path;
  }
  return undefined;
}

/** Eggs are folders of their own: WALinuxAgent-2.2.46-py3.6.egg. */
async function packageFolders(system: LinuxSystem): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const library of LIBRARY_FOLDERS) {
    const versions = (await system.names(library)).filter((name) => /^python[23](?:\.\d+)?$/.test(name));
    for (const version of versions) {
      for (const kind of PACKAGE_FOLDERS) {
        const folder = `${library}/${version}/${kind}`;
        const eggs = (await system.names(folder)).filter((name) => name.endsWith('.egg'));
        folders.push(folder, ...eggs.map((name) => `${folder}/${name}`));
      }
    }
  }
  return folders.slice(0, MAX_FOLDERS);
}
