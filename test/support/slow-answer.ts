// An answer that takes longer than a timeout, but never stands still for so long.
import type { RequestListener } from 'node:http';

const PIECES = 12;
/** What it holds at the end. */
export const SLOW_ANSWER = '.'.repeat(PIECES);

/** Takes twice `timeoutMs`, a piece at a time. */
export function answerSlowly(timeoutMs: number): RequestListener {
  return (_, response) => {
    let sent = 0;
    const timer = setInterval(() => {
      response.write('.');
      sent += 1;
      if (sent < PIECES) return;
      clearInterval(timer);
      response.end();
    }, timeoutMs / 6);
  };
}
