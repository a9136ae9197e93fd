// Leaves out of yargs' help what every reader knows: that a switch is a boolean and off, and that <image> must be given.

/** Tags at the end of a description; one that stood on a line of its own takes the line with it. */
const NOISE = /(?:\s+|\b)\[(?:boolean|string|array)\](?: \[(?:required|default: (?:true|false|\[\]))\])?(?=\n|$)/g;
const TYPE = /\[(?:string|array)\] (?=\[)/g;

export function tidyHelp(help: string): string {
  return help.replace(NOISE, '').replace(TYPE, '');
}
