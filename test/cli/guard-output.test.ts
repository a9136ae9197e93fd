import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { guardOutput } from '../../src/cli/guard-output.ts';

describe('guardOutput', () => {
  it('takes secrets out of texts, and passes everything else on as it is', async () => {
    const stream = new PassThrough();
    guardOutput(stream);
    const written = new Promise<void>((resolve) => {
      expect(stream.write('GET https://a.b/c?sp=r&sig=c2VjcmV0 failed\n', () => resolve())).toBe(true);
    });
    stream.write(Buffer.from('bytes'));
    expect(stream.read()?.toString()).toBe('GET https://a.b/c?sp=r&sig=REDACTED failed\nbytes');
    await written;
  });
});
