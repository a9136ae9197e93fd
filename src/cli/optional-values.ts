// Options whose value may be left out. yargs would take the next word for it: "--skip-free disk.vhdx".

/** What the option means without a value. */
const VALUES: Readonly<Record<string, string>> = { '--skip-free': 'all', '--skipFree': 'all' };

/** The words with every value. What follows `--` is not an option. */
export function withOptionalValues(words: readonly string[]): string[] {
  const end = words.indexOf('--');
  return words.map((word, index) => {
    const value = VALUES[word];
    return value === undefined || (end >= 0 && index > end) ? word : `${word}=${value}`;
  });
}
