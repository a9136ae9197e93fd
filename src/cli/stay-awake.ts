// Keeps the computer from going to sleep because nobody uses it. A closed lid and the menu entry still do what the system says.
import { type ChildProcess, spawn } from 'node:child_process';
import { win32 } from 'node:path';
import { loadKoffi } from '../image/load-koffi.ts';

/** A program that holds the computer awake while it runs. */
interface Holder {
  readonly program: string;
  readonly args: readonly string[];
}

/** Sets the power state of this thread. Source: SetThreadExecutionState in the documentation of Windows. */
type SetExecutionState = (state: number) => unknown;

export interface AwakeSystem {
  readonly platform: NodeJS.Platform;
  readonly environment: NodeJS.ProcessEnv;
  /** Windows only. Undefined without koffi. */
  readonly setExecutionState: () => Promise<SetExecutionState | undefined>;
}

const ES_CONTINUOUS = 0x80000000;
const ES_SYSTEM_REQUIRED = 0x1;

/**
 * Holds the computer awake until the returned function is called or this process ends, however it ends. Never fails and never
 * waits: where the system has no such means, it may sleep.
 */
export function stayAwake(system: AwakeSystem): () => void {
  const stop = new AbortController();
  void hold(system, stop.signal).catch(() => undefined);
  return () => stop.abort();
}

/** The means of the system that vhdup runs on. */
export function awakeSystem(environment: NodeJS.ProcessEnv): AwakeSystem {
  return { platform: process.platform, environment, setExecutionState: fromKernel };
}

async function hold(system: AwakeSystem, signal: AbortSignal): Promise<void> {
  const { platform, environment, setExecutionState } = system;
  if (platform === 'win32') {
    const set = await setExecutionState();
    if (signal.aborted) return;
    if (set !== undefined) {
      // A sum: the bitwise operators of JavaScript would make it negative.
      set(ES_CONTINUOUS + ES_SYSTEM_REQUIRED);
      signal.addEventListener('abort', () => set(ES_CONTINUOUS), { once: true });
      return;
    }
  }
  const holder = holderFor(platform, environment);
  if (holder !== undefined) run(holder, environment, signal);
}

/** Each of them ends with this process, even if it is killed: they read the pipe from it until it closes, or watch its id. */
export function holderFor(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv): Holder | undefined {
  switch (platform) {
    case 'linux':
      return {
        program: 'systemd-inhibit',
        args: ['--what=idle', '--mode=block', '--who=vhdup', '--why=A disk image is being transferred', 'cat'],
      };
    case 'darwin':
      return { program: '/usr/bin/caffeinate', args: ['-i', '-w', String(process.pid)] };
    case 'win32':
      return {
        program: win32.join(
          environment['SystemRoot'] ?? 'C:\\Windows',
          'System32\\WindowsPowerShell\\v1.0\\powershell.exe',
        ),
        args: ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', POWERSHELL],
      };
    default:
      return undefined;
  }
}

const POWERSHELL = [
  '$power = Add-Type -PassThru -Namespace Vhdup -Name Power -MemberDefinition \'[DllImport("kernel32.dll")] public static extern uint SetThreadExecutionState(uint state);\'',
  `[void]$power::SetThreadExecutionState(${ES_CONTINUOUS + ES_SYSTEM_REQUIRED})`,
  '[void][Console]::In.ReadToEnd()',
].join('; ');

function run({ program, args }: Holder, environment: NodeJS.ProcessEnv, signal: AbortSignal): void {
  // In its own process group: Ctrl-C on the terminal is for vhdup, which may still save its progress.
  const child = spawn(program, args, {
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: environment,
  });
  child.on('error', ignore);
  child.stdin?.on('error', ignore);
  release(child);
  signal.addEventListener(
    'abort',
    () => {
      child.stdin?.end();
      child.kill();
    },
    { once: true },
  );
}

/** The program does not wait for the child at its end. */
function release(child: ChildProcess): void {
  child.unref();
  const pipe = child.stdin;
  if (pipe !== null && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
}

async function fromKernel(): Promise<SetExecutionState | undefined> {
  try {
    const { load } = await loadKoffi();
    return load('kernel32.dll').func('uint32_t __stdcall SetThreadExecutionState(uint32_t state)');
  } catch {
    // koffi is optional.
    return undefined;
  }
}

function ignore(): void {
  // The program is absent, or the system refuses it.
}
