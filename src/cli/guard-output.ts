// Takes secrets out of what others print: the SDK's own log, which users can switch on (AZURE_LOG_LEVEL, DEBUG), holds URLs.
import { redact } from '../base/redact.ts';

/** Redacts every text that is written to `stream` from now on. */
export function guardOutput(stream: NodeJS.WritableStream): void {
  const { write } = stream;
  const guarded = (chunk: unknown, ...rest: unknown[]) =>
    Reflect.apply(write, stream, [typeof chunk === 'string' ? redact(chunk) : chunk, ...rest]) as boolean;
  stream.write = guarded as typeof stream.write;
}
