/** The words of a command line follow it. The name that yargs gave it, which completion scripts of other programs use as well. */
export const COMPLETION_FLAG = '--get-yargs-completions';
