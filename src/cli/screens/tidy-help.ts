// Removes the obvious from the help of yargs: that a switch is a boolean and off, and that <image> is required.

/** Tags at the end of a description. A tag on its own line is removed together with the line. */
const NOISE = /(?:\s+|\b)\[(?:boolean|string|array)\](?: \[(?:required|default: (?:true|false|\[\]))\])?(?=\n|$)/g;
const TYPE = /\[(?:string|array)\] (?=\[)/g;

export function tidyHelp(help: string): string {
  return help.replace(NOISE, '').replace(TYPE, '');
}
