// How a command that stands for another one words its messages, and what it prints instead of its result.

export interface Presentation {
  /** The name of the command, for messages. */
  readonly name: string;
  /** Replaces the names of options in a message by those that the user knows. */
  readonly reword: (message: string) => string;
  /** The whole command, to be run again. It contains no SAS. */
  readonly command: string;
  /** What is printed instead of the result, one property in each line. Undefined to print the result as it is. */
  readonly propertiesOf: (result: object) => Readonly<Record<string, string>> | undefined;
}

/** The properties of an object, as Format-List of PowerShell prints them. */
export function propertyList(properties: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(properties).map((name) => name.length));
  const lines = Object.entries(properties).map(([name, value]) => `${name.padEnd(width)} : ${value}`);
  return ['', ...lines, ''].join('\n');
}
