// ForeignFormat: the format of a file that vhdup cannot read, and what to do with it.
import { join, parse } from 'node:path';
import { printable } from '../../base/printable.ts';
import { posixWord, powershellWord } from '../../base/shell-word.ts';

export interface ForeignFormat {
  /** "a QCOW2 disk image": follows "it is". */
  readonly name: string;
  /** One or more sentences. A command that can be pasted is at the end, without a full stop. @param path - The path of the file as given. */
  readonly nextStep: (path: string) => string;
}

/** What to do with an image of a CD or DVD. */
export const INSTALL =
  'Azure cannot boot from it. Attach it to a virtual machine, install the system on a new VHD, and upload that VHD.';

/** A format that qemu-img can convert to a VHD. */
export function convert(name: string, options = ''): ForeignFormat {
  return {
    name,
    nextStep: (path) => `Convert it first: ${convertCommand(shellWord(path), options)}`,
  };
}

/** @param source - Quoted for a shell. */
export function convertCommand(source: string, options = ''): string {
  const given = options === '' ? '' : `${options} `;
  return `qemu-img convert ${given}-O vpc -o subformat=dynamic,force_size=on ${source} disk.vhd`;
}

const UNPACK = 'Unpack it first, then use the disk image inside:';

/** An archive that `command` unpacks when it is given the path. */
export function unpack(name: string, command: string): ForeignFormat {
  return { name, nextStep: (path) => `${UNPACK} ${command} ${shellWord(path)}` };
}

/**
 * A compressed file that `command` writes to its standard output. Programs such as gunzip refuse a file without their extension,
 * which a compressed `disk.vhd` lacks.
 */
export function decompress(name: string, command: string): ForeignFormat {
  return {
    name,
    nextStep: (path) => {
      const source = shellWord(path);
      return `${UNPACK} ${unpackLine(command, source, ` > ${shellWord(unpackedPath(path))}`)}`;
    },
  };
}

/**
 * The command that unpacks a compressed file. Windows has none of the programs of other systems, and its older PowerShell changes
 * binary data behind ">".
 * @param source - Quoted for a shell. @param output - Follows the path, except on Windows.
 */
export function unpackLine(command: string, source: string, output = ''): string {
  return process.platform === 'win32' ? `7z x ${source}` : `${command} ${source}${output}`;
}

/** A name that no file beside `path` is likely to have, because a shell replaces an existing file. */
function unpackedPath(path: string): string {
  const { dir, name, ext } = parse(path.replace(/\.(gz|xz|bz2|zst|lz4|lzma|lz|lzo|z)$/i, ''));
  return join(dir, `${name}-unpacked${ext === '' ? '.img' : ext}`);
}

/** A format that needs advice of its own. SOURCE in `nextStep` becomes the path. */
export function advise(name: string, nextStep: string): ForeignFormat {
  return { name, nextStep: (path) => nextStep.replaceAll('SOURCE', () => shellWord(path)) };
}

/** A path quoted for pasting into a shell. */
export function shellWord(path: string): string {
  return process.platform === 'win32' ? powershellWord(printable(path)) : posixWord(printable(path));
}
