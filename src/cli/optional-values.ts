// Words that yargs would read differently: an option whose value may be left out ("--skip-free disk.vhdx"), and what follows "--".

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

/**
 * The words without the `--` that ends the options: yargs would not see what follows it as arguments of the command. A path that begins
 * with a hyphen becomes one that does not.
 */
export function withoutEndOfOptions(words: readonly string[]): string[] {
  const end = words.indexOf('--');
  if (end < 0) return [...words];
  const operands = words.slice(end + 1).map((word) => (word.startsWith('-') ? `./${word}` : word));
  return [...words.slice(0, end), ...operands];
}
