// Filters everything that is printed: removes secrets, and escapes foreign control sequences.
import { escapeUnsafe, printable, printableText } from '../base/printable.ts';
import { redact } from '../base/redact.ts';
import type { Screen } from './screens/screen.ts';

const LINE_FEED = String.raw`\n`;
/** The sequences of `painter`: weight and colour, but nothing that hides or blinks. Source: ECMA-48, SGR. */
const COLOURS = String.raw`\u001b\[(?:[012]|22|[34][0-79]|(?:9|10)[0-7])m`;
/** The sequences of the progress bar: carriage return, saved positions, erasing, cursor and line wrapping on and off. */
const DRAWING = String.raw`\r|\u001b[78]|\u001b\[\d*[AGJK]|\u001b\[\?(?:7|25)[hl]`;

/** A message for stderr. */
export function safeText(text: string): string {
  return printableText(redact(text));
}

const SCREEN = new RegExp(`${LINE_FEED}|${COLOURS}`, 'u');

/** A screen for stdout, which may contain our own colours. */
export function safeScreen(text: string): string {
  return escapeUnsafe(redact(text), SCREEN);
}

/**
 * Prints a line that contains a secret for which the user has asked. `guardOutput` lets bytes pass.
 * @throws {Error} the line contains control characters.
 */
export function writeSecret(stream: NodeJS.WritableStream, line: string): void {
  if (printable(line) !== line) throw new Error('The line contains characters that control a terminal.');
  stream.write(Buffer.from(`${line}\n`));
}

/**
 * Filters every text that is written to `stream` from now on, whoever writes it. The log of the SDK, which users can switch on
 * (AZURE_LOG_LEVEL, DEBUG), contains URLs and answers of services.
 * @param screen - Determines which of our own control sequences pass. @default none
 */
export function guardOutput(stream: NodeJS.WritableStream, screen?: Pick<Screen, 'colours' | 'redraws'>): void {
  const { write } = stream;
  const kept = [
    LINE_FEED,
    ...(screen?.colours === true ? [COLOURS] : []),
    ...(screen?.redraws === true ? [DRAWING] : []),
  ];
  const keep = new RegExp(kept.join('|'), 'u');
  const guarded = (chunk: unknown, ...rest: unknown[]) =>
    Reflect.apply(write, stream, [
      typeof chunk === 'string' ? escapeUnsafe(redact(chunk), keep) : chunk,
      ...rest,
    ]) as boolean;
  stream.write = guarded as typeof stream.write;
}
