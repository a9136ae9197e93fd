// ForeignFormat: what a file is that is no image of ours, and what to do with it.
import { printable } from '../../base/printable.ts';

export interface ForeignFormat {
  /** "a QCOW2 disk image": fits after "it is". */
  readonly name: string;
  /** One or more sentences, with a command that can be pasted. @param path - Of the file, as it was given. */
  readonly nextStep: (path: string) => string;
}

/** Makes a VHD of whatever qemu-img reads. */
export function convert(name: string, options = ''): ForeignFormat {
  return {
    name,
    nextStep: (path) => `Convert it first: ${convertCommand(shellWord(path), options)}.`,
  };
}

/** @param source - As a shell takes it. */
export function convertCommand(source: string, options = ''): string {
  const given = options === '' ? '' : `${options} `;
  return `qemu-img convert ${given}-O vpc -o subformat=dynamic,force_size=on ${source} disk.vhd`;
}

/** An archive that `command` unpacks, given its path. */
export function unpack(name: string, command: string): ForeignFormat {
  return {
    name,
    nextStep: (path) => `Unpack it first, and name the disk image inside: ${command} ${shellWord(path)}.`,
  };
}

/** A format that a program, or a procedure, restores to a disk. */
export function advise(name: string, nextStep: string): ForeignFormat {
  return { name, nextStep: (path) => nextStep.replaceAll('SOURCE', () => shellWord(path)) };
}

/** A path as it can be pasted into a shell. */
export function shellWord(path: string): string {
  const text = printable(path);
  if (/^[\w./:\\@%+=,-]+$/.test(text) && (process.platform === 'win32' || !text.includes('\\'))) return text;
  return process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}
