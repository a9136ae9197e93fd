// ForeignFormat: the format of a file that vhdup cannot read, and what to do with it.
import { printable } from '../../base/printable.ts';
import { posixWord, powershellWord } from '../../base/shell-word.ts';

export interface ForeignFormat {
  /** "a QCOW2 disk image": follows "it is". */
  readonly name: string;
  /** One or more sentences, with a command that can be pasted. @param path - The path of the file as given. */
  readonly nextStep: (path: string) => string;
}

/** A format that qemu-img can convert to a VHD. */
export function convert(name: string, options = ''): ForeignFormat {
  return {
    name,
    nextStep: (path) => `Convert it first: ${convertCommand(shellWord(path), options)}.`,
  };
}

/** @param source - Quoted for a shell. */
export function convertCommand(source: string, options = ''): string {
  const given = options === '' ? '' : `${options} `;
  return `qemu-img convert ${given}-O vpc -o subformat=dynamic,force_size=on ${source} disk.vhd`;
}

/** An archive that `command` unpacks when it is given the path. */
export function unpack(name: string, command: string): ForeignFormat {
  return {
    name,
    nextStep: (path) => `Unpack it first, then use the disk image inside:  ${command} ${shellWord(path)}.`,
  };
}

/** A format that needs advice of its own. SOURCE in `nextStep` becomes the path. */
export function advise(name: string, nextStep: string): ForeignFormat {
  return { name, nextStep: (path) => nextStep.replaceAll('SOURCE', () => shellWord(path)) };
}

/** A path quoted for pasting into a shell. */
export function shellWord(path: string): string {
  return process.platform === 'win32' ? powershellWord(printable(path)) : posixWord(printable(path));
}
