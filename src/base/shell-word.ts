// Words of commands that people paste into a shell.

/** Any text as one word of a POSIX shell. File names of a guest may contain quotes and commands. */
export function posixWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A word for PowerShell, and, unless it has a dollar sign, a backtick or a percent sign, for cmd.exe too. */
export function powershellWord(text: string): string {
  if (/^[\w./:\\+=-]+$/.test(text)) return text;
  // PowerShell takes typographic quotes for quotes.
  return /[$`"\u201d\u201c\u201e]/.test(text)
    ? `'${text.replace(/['\u2018\u2019\u201a\u201b]/g, '$&$&')}'`
    : `"${text}"`;
}

/** The text as one word of the shells of the system: in double quotes where these are enough. */
export function shellWord(text: string, platform: string = process.platform): string {
  if (platform === 'win32') return powershellWord(text);
  if (/^[\w./:@,=+-]+$/.test(text)) return text;
  return /[$`"\\!]/.test(text) ? posixWord(text) : `"${text}"`;
}
