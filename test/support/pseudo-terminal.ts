// Runs a program on a terminal of unknown width, provided by `script` of util-linux, and captures its output.
import { spawn, spawnSync } from 'node:child_process';

export const hasScript =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;

export const NO_SCRIPT = 'script of util-linux is not installed';

/** @returns the output on stdout and stderr, which are the same terminal. */
export function runOnTerminal(program: string, args: readonly string[], environment: NodeJS.ProcessEnv) {
  const { stdout, status } = spawnSync('script', ['-qec', commandOf(program, args), '/dev/null'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { output: stdout, exitCode: status };
}

/** As `runOnTerminal`, but the test continues meanwhile. `type` stands for the keyboard: \u0003 is Ctrl-C. */
export function startOnTerminal(program: string, args: readonly string[], environment: NodeJS.ProcessEnv) {
  const child = spawn('script', ['-qec', commandOf(program, args), '/dev/null'], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let output = '';
  /** Up to where `until` has read. */
  let read = 0;
  let onOutput = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    onOutput();
  });
  const ended = new Promise<{ readonly output: string; readonly exitCode: number | null }>((resolve) => {
    child.once('close', (exitCode) => resolve({ output, exitCode }));
  });
  const type = (text: string) => child.stdin.write(text);
  /** Resolves when the program prints `text` after what was waited for before. Fails if it ends first. */
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      onOutput = () => {
        const at = output.indexOf(text, read);
        if (at === -1) return;
        read = at + text.length;
        resolve();
      };
      onOutput();
      void ended.then(() => reject(new Error(`It has not printed "${text}" after: ${output.slice(read)}`)));
    });
  /** Answers questions, in order. */
  const answer = async (...answers: readonly (readonly [question: string, answer: string])[]) => {
    for (const [question, text] of answers) {
      await until(question);
      type(`${text}\r`);
    }
  };
  return { type, until, answer, ended };
}

function commandOf(program: string, args: readonly string[]): string {
  return [program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}
