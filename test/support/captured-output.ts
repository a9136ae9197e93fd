// Captures the output of the program under test.
import type { PassThrough } from 'node:stream';
import { onTestFinished, vi } from 'vitest';

export interface CapturedOutput {
  out: string;
  err: string;
}

/** Captures stdout and stderr until the test ends. */
export function captureOutput(): CapturedOutput {
  const written: CapturedOutput = { out: '', err: '' };
  const toOut = (text: unknown) => {
    written.out += String(text);
    return true;
  };
  const toErr = (text: unknown) => {
    written.err += String(text);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(toOut),
    vi.spyOn(process.stderr, 'write').mockImplementation(toErr),
    // yargs prints help and version here.
    vi.spyOn(console, 'log').mockImplementation((text) => void toOut(`${text}\n`)),
    vi.spyOn(console, 'error').mockImplementation((text) => void toErr(`${text}\n`)),
  ];
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return written;
}

/** All that was written to `stream` since the last call. A single read may return only the first piece: so does Node 26. */
export function takeText(stream: PassThrough): string {
  const pieces: Buffer[] = [];
  for (let piece = stream.read(); piece !== null; piece = stream.read()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
