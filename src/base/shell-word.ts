// Words of commands that people paste into a shell.

/** The text as one word: in double quotes unless no shell would split or change it. Ids and names of Azure contain no quotes. */
export function shellWord(text: string): string {
  return /^[\w./:@,=+-]+$/.test(text) ? text : `"${text}"`;
}
