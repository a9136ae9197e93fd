import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseSas } from '../../src/azure/auth/sas.ts';
import { parseDestination } from '../../src/azure/destination.ts';
import { type SasSource, sasCommand, sasFile } from '../../src/cli/sas-source.ts';
import { CredentialError } from '../../src/errors.ts';
import { sasWith } from '../support/sas-samples.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const NEVER = new AbortController().signal;
const SECRET = 'c2VjcmV0c2VjcmV0';
const { address } = parseDestination('https://account.blob.core.windows.net/vhds/disk.vhd');

function ask({ renew }: SasSource, attempt = 1, signal = NEVER) {
  return renew({ problem: 'expired', attempt, signal });
}

async function nextTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('sasFile', () => {
  async function makeFile(text?: string) {
    const path = join(await temporaryFolder(), 'sas.txt');
    if (text !== undefined) await writeFile(path, text);
    const said: string[] = [];
    return { path, said, source: sasFile(path, (message) => said.push(message), 1) };
  }

  it('returns the content of the file', async () => {
    const { source } = await makeFile('sp=rw');
    expect(await source.first?.(NEVER)).toBe('sp=rw');
  });

  it('names the file that cannot be read', async () => {
    const { source, path } = await makeFile();
    const error = await failureOf(source.first?.(NEVER) ?? Promise.resolve());
    expect(error).toBeInstanceOf(CredentialError);
    expect(error.message).toContain(path);
  });

  it('waits until the file has a new content, whatever happens to it meanwhile', async () => {
    const { source, path, said } = await makeFile('sp=rw&sig=first');
    await source.first?.(NEVER);
    let given: string | undefined;
    const waiting = ask(source).then((text) => {
      given = text;
    });
    await nextTurns(20);
    await rm(path);
    await nextTurns(20);
    await writeFile(path, '\n');
    await nextTurns(20);
    await writeFile(path, 'sp=rw&sig=first');
    await nextTurns(20);
    expect(given).toBeUndefined();
    await writeFile(path, 'sp=rw&sig=second');
    await waiting;
    expect(given).toBe('sp=rw&sig=second');
    expect(said).toEqual([`Waiting for a new SAS in ${path}.`]);
  });

  it('returns at once a content that is new already', async () => {
    const { source, path, said } = await makeFile('sp=rw&sig=first');
    await source.first?.(NEVER);
    await writeFile(path, 'sp=rw&sig=second');
    expect(await ask(source)).toBe('sp=rw&sig=second');
    expect(said).toEqual([]);
  });

  it('first returns the content of the file if the upload started with the SAS in a URL', async () => {
    const { source } = await makeFile('sp=rw&sig=second');
    expect(await ask(source)).toBe('sp=rw&sig=second');
  });

  it('stops waiting on abort', async () => {
    const { source } = await makeFile('');
    const stop = new AbortController();
    const waiting = failureOf(ask(source, 1, stop.signal));
    stop.abort();
    expect((await waiting).name).toBe('AbortError');
  });

  it('refuses a file that is too large for a SAS, and a folder', async () => {
    const { source } = await makeFile('x'.repeat(1024 * 1024));
    expect(await firstFailure(source)).toContain('it is larger than 64 KiB');
    expect(await firstFailure(sasFile(await temporaryFolder(), () => undefined))).toContain('it is a folder');
  });

  it.each<[string, (text: string) => Buffer]>([
    ['UTF-16, as Windows PowerShell writes it', (text) => Buffer.from(`\ufeff${text}\r\n`, 'utf16le')],
    ['UTF-16 without a byte order mark', (text) => Buffer.from(`${text}\r\n`, 'utf16le')],
    ['UTF-16, the other way round', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-16, the other way round and without a byte order mark', (text) => Buffer.from(text, 'utf16le').swap16()],
    ['UTF-8 with a byte order mark', (text) => Buffer.from(`\ufeff${text}\r\n`)],
  ])('reads %s', async (_, encode) => {
    const sas = sasWith();
    const { source, path } = await makeFile();
    await writeFile(path, encode(sas));
    expect(parseSas((await source.first?.(NEVER)) ?? '', address)).toBe(sas);
  });

  describe.skipIf(process.platform === 'win32')('with a path that is not a regular file', () => {
    it('reads a FIFO once it is written to, and again later', async () => {
      const path = join(await temporaryFolder(), 'sas.fifo');
      execFileSync('mkfifo', [path]);
      const source = sasFile(path, () => undefined, 1);
      const first = source.first?.(NEVER);
      await writeFile(path, 'sp=rw&sig=first');
      expect(await first).toBe('sp=rw&sig=first');
      const second = ask(source);
      await writeFile(path, 'sp=rw&sig=second');
      expect(await second).toBe('sp=rw&sig=second');
    });

    it('stops waiting for a FIFO on abort', async () => {
      const path = join(await temporaryFolder(), 'sas.fifo');
      execFileSync('mkfifo', [path]);
      const stop = new AbortController();
      const reading = failureOf(sasFile(path, () => undefined).first?.(stop.signal) ?? Promise.resolve());
      const reason = new Error('stopped');
      stop.abort(reason);
      expect(await reading).toBe(reason);
    });

    it('refuses an endless device', async () => {
      expect(await firstFailure(sasFile('/dev/zero', () => undefined))).toContain('it is larger than 64 KiB');
    });
  });
});

async function firstFailure(source: SasSource): Promise<string> {
  const error = await failureOf(source.first?.(NEVER) ?? Promise.resolve());
  expect(error).toBeInstanceOf(CredentialError);
  return error.message;
}

describe('sasCommand', () => {
  /** A command that runs everywhere. */
  function node(script: string): string {
    return `"${process.execPath}" -e "${script}"`;
  }

  it('returns the output of the command', async () => {
    const said: string[] = [];
    const source = sasCommand(node(`console.log('sp=rw')`), (message) => said.push(message));
    expect(await source.first?.(NEVER)).toBe('sp=rw\n');
    expect(said).toEqual([]);
    expect(await ask(source)).toBe('sp=rw\n');
    expect(said).toHaveLength(1);
  });

  it.each([
    ['ends with another code', `console.log('${SECRET}'); process.exit(3)`, 'exit code 3'],
    ['complains', `console.error('one\\nSAS ?sig=${SECRET} is wrong'); process.exit(1)`, 'SAS ?sig=REDACTED is wrong'],
  ])('fails when the command %s, and shows no secret', async (_, script, message) => {
    const command = node(script);
    const error = await failureOf(ask(sasCommand(command, () => undefined)));
    expect(error).toBeInstanceOf(CredentialError);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain(SECRET);
    expect(error.message).not.toContain(process.execPath);
  });

  it('fails if the command does not exist', async () => {
    expect(await failureOf(ask(sasCommand('vhdup-no-such-command', () => undefined)))).toBeInstanceOf(CredentialError);
  });

  it.skipIf(process.platform === 'win32')('ends the command and all its child processes on abort', async () => {
    const folder = await temporaryFolder();
    const [begun, ended] = [join(folder, 'begun'), join(folder, 'ended')];
    const stop = new AbortController();
    const source = sasCommand(`(echo > '${begun}'; sleep 60; echo > '${ended}') | cat`, () => undefined);
    const waiting = failureOf(ask(source, 1, stop.signal));
    while (!existsSync(begun)) await nextTurns(10);
    const reason = new Error('stopped');
    stop.abort(reason);
    expect(await waiting).toBe(reason);
    expect(existsSync(ended)).toBe(false);
  });

  it('does not wait for a process that has left the group of the command and keeps its output open', async () => {
    const pidFile = join(await temporaryFolder(), 'pid');
    const idle = "['-e','setInterval(()=>{},1e6)'],{detached:true,stdio:'inherit'}";
    const command = node(
      `const c=require('child_process').spawn(process.execPath,${idle});require('fs').writeFileSync('${pidFile}',''+c.pid);setInterval(()=>{},1e6)`,
    );
    const stop = new AbortController();
    const waiting = failureOf(
      ask(
        sasCommand(command, () => undefined),
        1,
        stop.signal,
      ),
    );
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await nextTurns(10);
    onTestFinished(() => void process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL'));
    const reason = new Error('stopped');
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    stop.abort(reason);
    expect(await waiting).toBe(reason);
    expect(timers(), 'the time limit no longer keeps the program alive').toBe(before - 1);
  });

  it('fails if the command takes too long', async () => {
    const error = await failureOf(ask(sasCommand(node('setInterval(() => {}, 1e6)'), () => undefined, 1)));
    expect(error).toBeInstanceOf(CredentialError);
    expect(error.message).toContain('it took longer than');
  });

  it('fails if the command prints without end', async () => {
    const error = await failureOf(
      ask(sasCommand(node(`setInterval(() => console.log('x'.repeat(9999)), 1)`), () => undefined)),
    );
    expect(error).toBeInstanceOf(CredentialError);
    expect(error.message).toContain('it printed more than 64 KiB');
  });

  it('pauses before it runs the command again', async () => {
    const stop = new AbortController();
    const said: string[] = [];
    const waiting = failureOf(
      ask(
        sasCommand('exit 1', (message) => said.push(message)),
        8,
        stop.signal,
      ),
    );
    await nextTurns(20);
    stop.abort();
    expect((await waiting).name).toBe('AbortError');
    expect(said).toEqual([]);
  });
});
