// The resources of the Windows executable: the blob, and what Windows shows of it: icon and version instead of those of Node.

import { icon } from './icon.ts';
import { Data, NtExecutable, NtExecutableResource, Resource } from './resedit.ts';
import { RESOURCE, setFuse } from './sea.ts';

/** English (United States). */
const LANGUAGE = 1033;
const UNICODE = 1200;
const NEUTRAL = 0;
/** Windows' number for resources of any content. */
const RT_RCDATA = 10;

/**
 * Node finds the blob as a resource; https://github.com/nodejs/postject documents the place. It is added here together with the
 * others, because two programs that change the same section one after the other are one too many.
 * @param node - node.exe, whose Authenticode signature no longer fits once it is changed.
 * @returns an executable without signature.
 */
export function windowsExecutable(
  node: Uint8Array,
  blob: Uint8Array,
  about: { version: string; description: string },
): Buffer {
  // Without its certificate.
  const executable = NtExecutable.from(setFuse(node), { ignoreCert: true });
  const resources = NtExecutableResource.from(executable);
  const icons = Data.IconFile.from(icon()).icons.map(({ data }) => data);
  for (const group of Resource.IconGroupEntry.fromEntries(resources.entries)) {
    Resource.IconGroupEntry.replaceIconsForResource(resources.entries, group.id, group.lang, icons);
  }
  const [version] = Resource.VersionInfo.fromEntries(resources.entries);
  if (version === undefined) throw new Error('The node.exe has no version resource.');
  const [major = 0, minor = 0, patch = 0] = about.version.split(/[.+-]/).map(Number);
  version.setFileVersion(major, minor, patch, 0, LANGUAGE);
  version.setProductVersion(major, minor, patch, 0, LANGUAGE);
  const languages = [...version.getAllLanguagesForStringValues(), { lang: LANGUAGE, codepage: UNICODE }];
  for (const language of languages) {
    version.setStringValues(language, {
      CompanyName: 'The vhdup authors',
      FileDescription: about.description,
      FileVersion: about.version,
      InternalName: 'vhdup',
      LegalCopyright: 'MIT licence. Contains Node.js; see THIRD-PARTY-NOTICES.txt.',
      OriginalFilename: 'vhdup.exe',
      ProductName: 'vhdup',
      ProductVersion: about.version,
    });
  }
  version.outputToResourceEntries(resources.entries);
  const bin = new Uint8Array(blob).buffer;
  resources.entries.push({ type: RT_RCDATA, id: RESOURCE, lang: NEUTRAL, codepage: UNICODE, bin });
  resources.outputResource(executable);
  return Buffer.from(executable.generate());
}
