// Converts a SAS in any spelling to one canonical spelling, so that every request carries the same signature.
//
// Fields and their formats: learn.microsoft.com/rest/api/storageservices/create-service-sas, create-account-sas and
// create-user-delegation-sas; SASQueryParameters of @azure/storage-blob.

import { registerSecret } from '../../base/redact.ts';
import { CredentialError } from '../../errors.ts';
import { percentDecoded, unescapeMarkup, withoutDoubledPercent, withoutWrapping } from '../given-text.ts';

/** The format of a field. With `plus`, spaces are decoded + signs: such fields never contain spaces. */
interface FieldForm {
  readonly pattern: RegExp;
  readonly name: string;
  readonly plus?: boolean;
}

const TIME: FieldForm = {
  pattern: /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?(?:Z|[+-]\d\d:\d\d))?$/,
  name: 'a time',
  plus: true,
};
const DATE: FieldForm = { pattern: /^\d{4}-\d\d-\d\d$/, name: 'a version, such as 2024-11-04' };
const LETTERS: FieldForm = { pattern: /^[a-z]*$/, name: 'a row of lower-case letters' };
const GUID: FieldForm = { pattern: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, name: 'a GUID' };
/** The base64 of 32 bytes; its last letter carries four bits. A missing = is not restored: other characters may be missing too. */
const SIGNATURE: FieldForm = {
  pattern: /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
  name: 'the base64 of 32 bytes',
  plus: true,
};
/** What a sentence or a link puts behind a signature, which ends with = or %3D. */
export const AFTER_SIGNATURE = /[)\]}>.,;:!\u2026]+$/;
const PROTOCOLS: FieldForm = { pattern: /^(?:https|https?,https?)$/, name: '"https" or "https,http"' };
const TEXT = 'text';

/** All fields of a SAS for blobs. Other parameters of a query are dropped. */
const FIELDS: ReadonlyMap<string, FieldForm | typeof TEXT> = new Map<string, FieldForm | typeof TEXT>([
  ['sv', DATE],
  ['ss', LETTERS],
  ['srt', LETTERS],
  ['sp', LETTERS],
  ['sr', LETTERS],
  ['st', TIME],
  ['se', TIME],
  ['sip', { pattern: /^[0-9a-f.:]+(?:-[0-9a-f.:]+)?$/i, name: 'an IP address or a range of them' }],
  ['spr', PROTOCOLS],
  ['sig', SIGNATURE],
  ['si', TEXT],
  // In older SAS of managed disks: the name of the key.
  ['sk', TEXT],
  ['sdd', { pattern: /^\d+$/, name: 'a number' }],
  ['ses', TEXT],
  ['skoid', GUID],
  ['sktid', GUID],
  ['skt', TIME],
  ['ske', TIME],
  ['sks', LETTERS],
  ['skv', DATE],
  ['saoid', GUID],
  ['suoid', GUID],
  ['scid', GUID],
  ['sduoid', GUID],
  ['skdutid', GUID],
  ['srh', TEXT],
  ['srq', TEXT],
  ['rscc', TEXT],
  ['rscd', TEXT],
  ['rsce', TEXT],
  ['rscl', TEXT],
  ['rsct', TEXT],
]);

/** What is in front of a field that is the first one: `SAS=sv=`, `sas: ?<sv=`. */
const LABEL = new RegExp(`^.*?(?<=^|[^a-z0-9_.-])(?=(?:${[...FIELDS.keys()].join('|')})=)`, 'i');

/**
 * What is left of a field in a batch file, which replaces %2 and %3 with its arguments, usually with nothing: of %3A in a time, %3D
 * at the end of a signature, %2C in the list of protocols.
 */
const EATEN: ReadonlyMap<FieldForm, RegExp> = new Map([
  [TIME, /^\d{4}-\d\d-\d\dT\d\dA\d\d/],
  [SIGNATURE, /^[A-Za-z0-9+/]{43}D$/],
  [PROTOCOLS, /^https?Chttps?$/],
]);

/**
 * @param query - A SAS in any spelling, without the URL before it.
 * @returns the fields of the SAS in their original order, each percent-encoded once. Registers the signature as a secret.
 * @throws {CredentialError} a field is damaged, missing, or given twice. The message contains nothing of the signature.
 */
export function canonicalSas(query: string): string {
  const text = unescapedQuery(query);
  if (text === undefined) throw new CredentialError('The SAS has a malformed percent-encoding. Copy it again.');
  const given = givenFields(text);
  if (!given.has('sig')) {
    throw new CredentialError(
      'The SAS has no signature (parameter sig). The URL may be truncated, or its quotes are missing: put it in quotes.',
    );
  }
  const level = encodingLevel(given);
  const fields = new Map([...given].map(([name, raw]) => [name, fieldValue(name, raw, level)]));
  assertComplete(fields);
  return [...fields].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
}

/** Whether a query contains any field of a SAS. */
export function hasSasFields(query: string): boolean {
  const text = unescapedQuery(query);
  return text === undefined || namesIn(text).some((name) => FIELDS.has(name));
}

/** One field of a query, without validating the SAS. Use it only for hints. */
export function sasField(query: string, name: string): string | undefined {
  const parts = (unescapedQuery(query) ?? '').split('&').map(splitAtEquals);
  const raw = parts.find(([field]) => field === name)?.[1];
  return raw === undefined ? undefined : (percentDecoded(raw) ?? raw);
}

/** The names of all parameters of a query, in lower case. */
export function namesIn(query: string): string[] {
  return query.split('&').map((part) => splitAtEquals(part)[0]);
}

/** Undefined if the percent-encoding of the whole query is malformed. */
function unescapedQuery(query: string): string | undefined {
  // Line ends come from a wrapped e-mail. The check of the signature shows whether the pieces are complete.
  let text = withoutWrapping(query).replace(/[\r\n\p{Cf}]+/gu, '');
  for (;;) {
    // Escapes may hide the quotes: &#38;quot;sv=
    text = withoutDoubledPercent(withoutWrapping(unescapeMarkup(text)));
    const isPlain = /(?:^|[?&])sig=/i.test(text);
    if (isPlain || !/(?:^|%(?:25)*(?:26|3f)|[?&])sig(?:=|%(?:25)*3d)/i.test(text)) break;
    const decoded = percentDecoded(text);
    if (decoded === undefined) return undefined;
    text = decoded;
  }
  // A line end that was percent-encoded with the SAS belongs to none of its fields.
  return text.replace(/(?:%(?:25)*(?:09|0a|0d|20))+$/i, '').replace(/^[?&\s]+/, '');
}

function givenFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [name, raw] of text.split('&').map(splitAtEquals)) {
    if (!FIELDS.has(name)) continue;
    const before = fields.get(name);
    if (before !== undefined && before !== raw) {
      throw new CredentialError(`The SAS has \`${name}\` twice, with different values. Pass only one SAS.`);
    }
    fields.set(name, raw);
  }
  return fields;
}

/** The name in lower case, and the raw value. */
function splitAtEquals(part: string): [name: string, raw: string] {
  const field = part.replace(LABEL, '');
  const equals = field.indexOf('=');
  const name = equals < 0 ? field : field.slice(0, equals);
  const bare = (percentDecoded(name) ?? name).trim().toLowerCase();
  // A SAS with its question mark or its quotes may follow other parameters.
  return [bare.replace(/^[^a-z]+/, ''), equals < 0 ? '' : field.slice(equals + 1)];
}

/** How often the values were percent-encoded, derived from the fields of known format. Undefined if none is encoded. */
function encodingLevel(given: ReadonlyMap<string, string>): number | undefined {
  const encoded = [...given].filter(([name, raw]) => FIELDS.get(name) !== TEXT && raw.includes('%'));
  return encoded.length === 0 ? undefined : Math.max(...encoded.map(([, raw]) => spellingsOf(raw).length - 1));
}

/** The text, then the results of decoding it once, twice and so on, as long as decoding changes it. */
function spellingsOf(raw: string): string[] {
  const spellings = [raw];
  for (let last = raw; ; ) {
    const decoded = decodedOnce(last);
    if (decoded === undefined || decoded === last) return spellings;
    spellings.push(decoded);
    last = decoded;
  }
}

function decodedOnce(text: string): string | undefined {
  const decoded = percentDecoded(text);
  return decoded && withoutDoubledPercent(decoded);
}

function fieldValue(name: string, raw: string, level: number | undefined): string {
  const form = FIELDS.get(name);
  if (form === undefined || form === TEXT) return textOf(name, raw, level);
  const bare = name === 'sig' ? raw.replace(AFTER_SIGNATURE, '') : raw;
  const spellings = spellingsOf(bare).map((text) => (form.plus === true ? text.replaceAll(' ', '+') : text));
  const value = spellings.find((text) => form.pattern.test(text) && (form !== TIME || isDate(text)));
  if (name === 'sig') {
    const signature = value ?? spellings.at(-1) ?? '';
    registerSecret(signature);
    if (value === undefined) throw damagedSignature(signature);
    return signature;
  }
  if (value === undefined) throw damaged(name, spellings.at(-1) ?? '', form);
  return value;
}

/** Decodes a free-text field as often as the other fields were encoded. Only an encoder writes + for a space. */
function textOf(name: string, raw: string, level: number | undefined): string {
  if (level === undefined) return spellingsOf(raw).at(-1) ?? raw;
  let text = raw;
  for (let round = 1; round <= level; round++) {
    const decoded = decodedOnce(round === level ? text.replaceAll('+', ' ') : text);
    if (decoded === undefined) {
      throw new CredentialError(`\`${name}\` of the SAS has a malformed percent-encoding. Copy it again.`);
    }
    text = decoded;
  }
  return text;
}

function isDate(text: string): boolean {
  return !Number.isNaN(new Date(text).getTime());
}

function damaged(name: string, found: string, form: FieldForm): CredentialError {
  // After a lost &, the rest of the value may be the signature.
  const shown = /sig/i.test(found) || found.length > 60 ? `a value of ${found.length} characters` : `"${found}"`;
  return new CredentialError(
    `\`${name}\` of the SAS is not ${form.name}: ${printableAscii(shown)}. ${adviceFor(form, found)}`,
  );
}

function damagedSignature(found: string): CredentialError {
  const { length } = found;
  const strange = /[^A-Za-z0-9+/=]/.test(found) ? ', some of which are not base64' : '';
  const end = !found.endsWith('=') && strange === '' ? ' and no = at the end' : '';
  return new CredentialError(
    `\`sig\` of the SAS is not the base64 of 32 bytes, which is 44 characters that end in =: it has ${length} characters${strange}${end}. ${adviceFor(SIGNATURE, found)}`,
  );
}

function adviceFor(form: FieldForm, found: string): string {
  if (EATEN.get(form)?.test(found) !== true) return 'Copy the whole SAS again.';
  return 'A batch file (.cmd, .bat) removed percent signs: double every % in it.';
}

function printableAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/** @throws {CredentialError} lists the missing fields. */
function assertComplete(fields: ReadonlyMap<string, string>): void {
  const has = (name: string) => fields.has(name);
  const missing: string[] = [];
  if (!has('sv')) missing.push('sv (the version)');
  const isOfAccount = has('ss') || has('srt');
  if (isOfAccount) missing.push(...['ss', 'srt'].filter((name) => !has(name)));
  else if (!has('sr')) missing.push('sr (the resource)');
  if (!has('si')) {
    if (!has('sp')) missing.push('sp (the permissions)');
    if (!has('se')) missing.push('se (the time of expiry)');
  }
  const ofKey = ['skoid', 'sktid', 'skt', 'ske', 'sks', 'skv'];
  if (ofKey.some(has)) missing.push(...ofKey.filter((name) => !has(name)));
  if (missing.length === 0) return;
  throw new CredentialError(`The SAS is incomplete. Missing: ${missing.join(', ')}. Copy the whole SAS again.`);
}
