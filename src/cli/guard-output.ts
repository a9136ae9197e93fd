// The gate that everything printed passes: no secret, and nothing of foreign origin that a terminal would obey.
import { escapeUnsafe, printableText } from '../base/printable.ts';
import { redact } from '../base/redact.ts';
import type { Screen } from './screens/screen.ts';

const LINE_FEED = String.raw`\n`;
/** What `painter` writes: weight and colour, but nothing that hides or blinks. ECMA-48, SGR. */
const COLOURS = String.raw`\u001b\[(?:[012]|22|[34][0-79]|(?:9|10)[0-7])m`;
/** What the progress bar writes: to the left edge, saved places, erasing, cursor and wrapping of lines on and off. */
const DRAWING = String.raw`\r|\u001b[78]|\u001b\[\d*[AGJK]|\u001b\[\?(?:7|25)[hl]`;

/** A message, as stderr shows it. */
export function safeText(text: string): string {
  return printableText(redact(text));
}

const SCREEN = new RegExp(`${LINE_FEED}|${COLOURS}`, 'u');

/** A screen of ours, which may be painted, as stdout shows it. */
export function safeScreen(text: string): string {
  return escapeUnsafe(redact(text), SCREEN);
}

/**
 * Guards every text that is written to `stream` from now on, also what others write: the SDK's own log, which users can
 * switch on (AZURE_LOG_LEVEL, DEBUG), holds URLs and what services answer.
 * @param screen - Which of our own control sequences the stream gets. @default none
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
