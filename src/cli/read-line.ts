// Reads one line that the user types. The terminal shows and edits it.
import { StringDecoder } from 'node:string_decoder';

/**
 * @returns the line without its end; undefined if the input ends first. What follows it stays in the input.
 * @throws the reason of `signal` on abort.
 */
export function readLine(input: NodeJS.ReadableStream, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // The bytes of a character may arrive in two pieces.
    const decoder = new StringDecoder('utf8');
    let text = '';
    const finish = (settle: () => void) => {
      input.off('data', onData).off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      // Reading would keep the program alive.
      input.pause();
      settle();
    };
    const onEnd = () => finish(() => resolve(text === '' ? undefined : text));
    const onAbort = () => finish(() => reject(signal.reason));
    const onData = (data: Buffer) => {
      text += decoder.write(data);
      const end = text.indexOf('\n');
      if (end === -1) return;
      const rest = text.slice(end + 1);
      finish(() => resolve(text.slice(0, end).replace(/\r$/, '')));
      if (rest !== '') input.unshift(Buffer.from(rest));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    input.on('data', onData).once('end', onEnd);
    input.resume();
  });
}
