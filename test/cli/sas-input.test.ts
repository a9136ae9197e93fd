import { execFileSync } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { isReadOnce, readSasText } from '../../src/cli/sas-input.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const NEVER = new AbortController().signal;

describe('readSasText with standard input', () => {
  it.each(['-', '/dev/stdin', '/dev/fd/0'])('reads %s to its end', async (path) => {
    const stdin = new PassThrough();
    stdin.write('sp=rw');
    stdin.end('&sig=x\n');
    expect(await readSasText(path, NEVER, stdin)).toBe('sp=rw&sig=x\n');
    expect(isReadOnce(path)).toBe(true);
  });

  it('refuses a text that is too large, and stops on abort', async () => {
    const large = new PassThrough();
    large.write(Buffer.alloc(65 * 1024, 'x'));
    expect((await failureOf(readSasText('-', NEVER, large))).message).toContain('larger than 64 KiB');
    const stop = new AbortController();
    const reading = failureOf(readSasText('-', stop.signal, new PassThrough()));
    const reason = new Error('stopped');
    stop.abort(reason);
    expect(await reading).toBe(reason);
  });
});

describe.skipIf(process.platform === 'win32')('readSasText with a descriptor that the shell opened', () => {
  it('reads a pipe whose writer has exited', async () => {
    const path = join(await temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [path]);
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await writeFile(path, 'sp=rw');
    expect(await readSasText(`/dev/fd/${descriptor}`, NEVER)).toBe('sp=rw');
  });

  it('reads a file', async () => {
    const path = join(await temporaryFolder(), 'sas.txt');
    await writeFile(path, 'sp=rw');
    expect(await readSasText(`/proc/self/fd/${openSync(path, 'r')}`, NEVER)).toBe('sp=rw');
  });
});
