// What holes in a file mean on Windows.

/** Starts on a new line; empty elsewhere. */
export function sparseText(sparse: boolean, platform: NodeJS.Platform): string {
  if (platform !== 'win32') return '';
  return sparse
    ? '\nThe file is sparse. Hyper-V does not mount sparse files: omit --sparse to write a file that it mounts.'
    : '\nThe file is not sparse, so Hyper-V can mount it. Use --sparse to save disk space instead.';
}
