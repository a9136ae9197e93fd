// Environment variables of this process during a part of a test.

/** Runs `work` with these variables; undefined removes one. */
export async function withEnvironment<T>(
  variables: Readonly<Record<string, string | undefined>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'];

/** Runs `work` with these variables, and with no proxy but those in them. */
export async function withOnlyProxies<T>(
  variables: Readonly<Record<string, string | undefined>>,
  work: () => Promise<T>,
): Promise<T> {
  const names = PROXY_VARIABLES.flatMap((name) => [name, name.toLowerCase()]);
  const none = Object.fromEntries(names.map((name) => [name, undefined]));
  return await withEnvironment(none, () => withEnvironment(variables, work));
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** Without it, no client in this process trusts the certificates of the test servers. */
export async function withoutTlsCheck<T>(work: () => Promise<T>): Promise<T> {
  return await withEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, work);
}
