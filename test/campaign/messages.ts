// Extracts messages from the output of a run.

/** The error and everything after it, without the warnings before. */
export function messageIn(stderr: string): string {
  const at = stderr.lastIndexOf('\nError: ');
  return stderr.startsWith('Error: ') && at < 0 ? stderr : at < 0 ? stderr.slice(-1000) : stderr.slice(at + 1);
}

export function lastMessage(stderr: string): string {
  const text = messageIn(stderr).trim().replaceAll('\n', ' ');
  return text === '' ? 'nothing was printed' : text;
}

/** A command line without the signature of a SAS. */
export function shown(args: readonly string[]): string {
  return args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg).replace(/\?.*sig=.*/, '?SAS')).join(' ');
}
