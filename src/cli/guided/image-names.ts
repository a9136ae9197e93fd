/** How the names of disk images end. What a file is, its content shows; only the first word of a command line is judged by its name. */
export const IMAGE_ENDINGS = ['vhd', 'vhdx', 'avhd', 'avhdx', 'raw', 'img', 'dd'] as const;

const IMAGE_NAME = new RegExp(`\\.(?:${IMAGE_ENDINGS.join('|')})$`, 'i');

/** Whether a path has the name of a disk image. */
export function hasImageName(path: string): boolean {
  return IMAGE_NAME.test(path);
}
