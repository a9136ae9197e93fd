// What a terminal shows of a URL while it is typed or pasted.
import { signatureAt } from '../../base/redact.ts';

/** In place of everything that may belong to a SAS. */
const HIDDEN = '?[not shown]';

/** The text up to where a SAS may begin, in any spelling. The names of hosts, containers and disks have none of these characters. */
export function withoutSecret(text: string): string {
  const end = text.search(/[?&=\\^`]|%+(?:25)*3f/i);
  return end === -1 ? text : `${text.slice(0, end)}${HIDDEN}`;
}

/** For questions that ask for something else: only a URL loses its end, and anything else a signature. */
export function withoutSignature(text: string): string {
  if (/^\W*https?:/i.test(text)) return withoutSecret(text);
  const at = signatureAt(text);
  return at === -1 ? text : `${text.slice(0, at)}${HIDDEN}`;
}
