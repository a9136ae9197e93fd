// The options that a log and a report record: those that change the outcome. None of them can contain a secret.

/** With their defaults, which are not recorded. */
const RECORDED: Readonly<Record<string, string>> = {
  format: '',
  'parent-path': '',
  'allow-network-parents': '',
  'trust-unmarked-sectors': '',
  'skip-free': '',
  overwrite: '',
  'delete-snapshots': '',
  restart: '',
  'resume-from-blob': '',
  base: '',
  'base-manifest': '',
  'trust-base': '',
  'break-lease': '',
  manifest: '',
  'content-md5': '',
  verify: '',
  full: '',
  'skip-checks': '',
  'create-container': '',
  disk: '',
  'resource-group': '',
  sparse: '',
  threads: 'auto',
  checksum: 'crc64',
  'max-rate': '',
  retries: '',
  'give-up-after': '12h',
  timeout: '60s',
};

/** The recorded options of a command line that differ from their defaults, by name. Lists have one value in each line. */
export function recordedOptions(args: Readonly<Record<string, unknown>>): Record<string, string> {
  const given = Object.entries(RECORDED).flatMap(([name, defaultValue]) => {
    const value = textOf(args[name]);
    // A URL may contain a SAS.
    return value === '' || value === defaultValue ? [] : [[name, value.replace(/[?#].*/s, '')] as const];
  });
  return Object.fromEntries(given);
}

function textOf(value: unknown): string {
  if (value === undefined || value === false) return '';
  return Array.isArray(value) ? value.join('\n') : String(value);
}
