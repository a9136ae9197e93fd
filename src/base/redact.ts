// Keeps secrets out of everything that is printed, stored or thrown.

/** Starts a parameter of a query, percent-encoded (once or more), in JSON, or not. */
const PARAMETER = String.raw`(?:(?<![A-Za-z0-9_])|(?<=%(?:25)*(?:26|3F))|(?<=\\u0026))`;
/** As it is, percent-encoded once or more, doubled for a batch file, as JSON and HTML escape it, or as shells do. */
const EQUALS = String.raw`(?:[\\^\`]?=|%+(?:25)*3D|\\+u003d|&#0*61;|&#x0*3d;|&equals;)`;
const VALUE = String.raw`[^&\s"'<>]`;

const SECRETS: readonly [RegExp, string][] = [
  // The signature of a SAS, in a URL or alone, percent-encoded (once or more) or not. No \b before it: in %26sig%3D there is none.
  // A full stop, comma or colon after it belongs to the sentence: no signature ends with one.
  [new RegExp(`(sig${EQUALS})${VALUE}+?(?=[.,:;]?(?:[&\\s"'<>]|$))`, 'gi'), '$1REDACTED'],
  // The signature of a SAS (the base64 of 32 bytes) or an account key (of 64 bytes) alone, as a word of its own.
  [
    /(?<![A-Za-z0-9+/=%])(?:(?:[A-Za-z0-9+/]|%2[BbFf]){42}[AEIMQUYcgkosw048](?:=|%3[Dd])|(?:[A-Za-z0-9+/]|%2[BbFf]){85}[AQgw](?:=|%3[Dd]){2})(?![A-Za-z0-9+/=%])/g,
    'REDACTED',
  ],
  // The stored policy in the SAS of a managed disk.
  [new RegExp(`(${PARAMETER}si${EQUALS})${VALUE}+`, 'gi'), '$1REDACTED'],
  // The signature (t, c, s, h) in the URL of a long-running operation of Azure Resource Manager.
  [/(\/(?:[a-z]*operations|operation[a-z]+)\/[^\s"'<>?]*\?)[^\s"'<>]+/gi, '$1REDACTED'],
  [new RegExp(`(${PARAMETER}[tcsh]${EQUALS})${VALUE}{16,}`, 'gi'), '$1REDACTED'],
  [/\b((?:AccountKey|SharedAccessKey|SharedAccessSignature)=)[^;\s"'<>]+/gi, '$1REDACTED'],
  [/\b(SharedKey(?:Lite)? [^:\s]+:)[A-Za-z0-9+/=]+/gi, '$1REDACTED'],
  [/\b(Bearer )[A-Za-z0-9._~+/=-]+/gi, '$1REDACTED'],
  // User and password for a proxy, in a header, as text or as a field of an object.
  [/(Proxy-Authorization\W+Basic )[A-Za-z0-9+/=]+/gi, '$1REDACTED'],
  // The same in a URL.
  [/(\/\/)[^/\s:@]*:[^/\s@]+@/g, '$1REDACTED@'],
];

const SIGNATURE = new RegExp(`[?&]?sig${EQUALS}`, 'i');

/** Where a signature starts, in any spelling; -1 if there is none. */
export function signatureAt(text: string): number {
  return text.search(SIGNATURE);
}

/** In characters. Shorter texts are not secrets of a service, and would match by chance. */
const MIN_LENGTH = 12;
/** An upload of several weeks uses thousands of tokens. All but the last few hundred have expired. */
const MAX_REGISTERED = 500;

/** The secrets of this process, each with the pattern that finds it, oldest first. */
const registered = new Map<string, RegExp>();
/** The same patterns, longest secret first: one that begins another must not leave the rest of it. */
let longestFirst: readonly RegExp[] = [];

/**
 * Makes `redact` replace this secret (a key, a signature or a token) everywhere, in every encoding.
 * @param secret - As it is, not percent-encoded.
 */
export function registerSecret(secret: string): void {
  const core = secret.replace(/=+$/, '');
  if (core.length < MIN_LENGTH) return;
  registered.delete(core);
  registered.set(core, exactly(core));
  const [oldest] = registered.keys();
  if (registered.size > MAX_REGISTERED && oldest !== undefined) registered.delete(oldest);
  longestFirst = [...registered].sort(([a], [b]) => b.length - a.length).map(([, pattern]) => pattern);
}

/** Returns `text` with every SAS signature, account key, token and password replaced. */
export function redact(text: string): string {
  let redacted = text;
  for (const pattern of longestFirst) redacted = redacted.replace(pattern, 'REDACTED');
  return SECRETS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), redacted);
}

/** Finds the secret as it is, percent-encoded any number of times, in HTML, and in JSON. */
function exactly(core: string): RegExp {
  const characters = [...core].map((character) =>
    /[A-Za-z0-9_-]/.test(character) ? character : `(?:${encodingsOf(character).join('|')})`,
  );
  // The = at the end of base64, if it was not removed.
  return new RegExp(`${characters.join('')}(?:${encodingsOf('=').join('|')}){0,2}`, 'g');
}

function encodingsOf(character: string): string[] {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).padStart(2, '0');
  const anyCase = [...hex].map((digit) => (/[a-f]/.test(digit) ? `[${digit}${digit.toUpperCase()}]` : digit)).join('');
  const plain = character.replace(/[^A-Za-z0-9]/g, String.raw`\$&`);
  return [
    ...(character === '+' ? [plain, ' '] : [String.raw`\\?${plain}`]),
    `%(?:25)*${anyCase}`,
    String.raw`\\u00${anyCase}`,
    `&#(?:x${anyCase}|${code});`,
  ];
}
