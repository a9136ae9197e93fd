// An answer that takes longer than a timeout, but never stalls for that long.
import type { RequestListener } from 'node:http';

const PIECES = 8;
/** The whole body. */
export const SLOW_ANSWER = '.'.repeat(PIECES);

/** Takes a third longer than `timeoutMs`, and arrives in pieces. */
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
