// What a terminal shows of a URL while it is typed or pasted.

/** In place of everything that may belong to a SAS. */
const HIDDEN = '?[not shown]';

/** The text up to where a SAS may begin. The names of hosts, containers and disks have none of these characters. */
export function withoutSecret(text: string): string {
  const end = text.search(/[?&=]|%(?:25)*3f/i);
  return end === -1 ? text : `${text.slice(0, end)}${HIDDEN}`;
}

/** For questions that ask for something else: only a URL loses its end, and anything else a signature. */
export function withoutSignature(text: string): string {
  if (/^\W*https?:/i.test(text)) return withoutSecret(text);
  const at = text.search(/[?&]?sig(?:=|%(?:25)*3d)/i);
  return at === -1 ? text : `${text.slice(0, at)}${HIDDEN}`;
}
