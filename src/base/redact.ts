// Keeps secrets out of everything that is printed, stored or thrown.

const SECRETS: readonly [RegExp, string][] = [
  // The signature of a SAS, in a URL or alone, percent-encoded (once or more) or not. No \b before it: in %26sig%3D there is none.
  [/(sig(?:=|%(?:25)*3D))[^&\s"'<>]+/gi, '$1REDACTED'],
  [/\b((?:AccountKey|SharedAccessKey|SharedAccessSignature)=)[^;\s"'<>]+/gi, '$1REDACTED'],
  [/\b(SharedKey(?:Lite)? [^:\s]+:)[A-Za-z0-9+/=]+/gi, '$1REDACTED'],
  [/\b(Bearer )[A-Za-z0-9._~+/=-]+/gi, '$1REDACTED'],
  // User and password for a proxy, in a header, as text or as a field of an object.
  [/(Proxy-Authorization\W+Basic )[A-Za-z0-9+/=]+/gi, '$1REDACTED'],
  // The same in a URL.
  [/(\/\/)[^/\s:@]*:[^/\s@]+@/g, '$1REDACTED@'],
];

/** `text` with every SAS signature, account key, token and password replaced. */
export function redact(text: string): string {
  return SECRETS.reduce((redacted, [pattern, replacement]) => redacted.replace(pattern, replacement), text);
}
