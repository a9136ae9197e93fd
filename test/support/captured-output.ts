// What the program under test prints, caught instead of printed.
import { onTestFinished, vi } from 'vitest';

export interface CapturedOutput {
  out: string;
  err: string;
}

/** Catches what is written to stdout and stderr until the test ends. */
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
    // Of yargs: help and version.
    vi.spyOn(console, 'log').mockImplementation((text) => void toOut(`${text}\n`)),
    vi.spyOn(console, 'error').mockImplementation((text) => void toErr(`${text}\n`)),
  ];
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return written;
}
