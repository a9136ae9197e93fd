// Opens a damaged image in every way that vhdup does. Each must give a consistent reading or a vhdup error.
import { checkImage } from '../../src/check/check-image.ts';
import { showCheck } from '../../src/cli/screens/check-screen.ts';
import { showInspection } from '../../src/cli/screens/inspect-screen.ts';
import { showStructures } from '../../src/cli/screens/structure-screen.ts';
import { VhdupError } from '../../src/errors.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { inspectImage } from '../../src/inspect/inspect.ts';
import { inspectStructures } from '../../src/inspect/inspect-structures.ts';
import { STRUCTURE_KINDS } from '../../src/inspect/structure.ts';
import { PIPE } from '../support/screens.ts';
import { readConsistently } from './read-consistently.ts';

const SCREEN = { ...PIPE, verbose: true };

/** The outcome of opening and reading the disk. */
export type Ending = { readonly checksum: string } | { readonly refusal: Error };

export interface Attacked {
  readonly ending: Ending;
  /** The slowest operation, and its duration. */
  readonly slowest: { readonly operation: string; readonly ms: number };
}

/** Opens and reads the disk. Throws if the reading is inconsistent or the error is not a vhdup error. */
export async function openAndRead(path: string): Promise<Ending> {
  try {
    const image = await openDiskImage(path);
    try {
      return { checksum: await readConsistently(image) };
    } finally {
      await image.close();
    }
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}

/** Opens and reads the disk, inspects the image and each of its structures, and checks it. */
export async function attack(path: string): Promise<Attacked> {
  let slowest = { operation: '', ms: 0 };
  const timed = async <T>(operation: string, run: () => Promise<T>): Promise<T> => {
    const startMs = performance.now();
    try {
      return await run();
    } catch (error) {
      throw new Error(`${operation}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      const ms = performance.now() - startMs;
      if (ms > slowest.ms) slowest = { operation, ms };
    }
  };
  const ending = await timed('open and read', () => openAndRead(path));
  if ('refusal' in ending) expectPrintable(ending.refusal.message);
  const { exitCode } = await timed('inspect', async () => {
    const report = await inspectImage({ image: path });
    expectPrintable(showInspection(report, SCREEN));
    return report;
  });
  // Inspect reads less than a full read does, so an image that inspect refuses must not be readable.
  if (exitCode !== undefined && !('refusal' in ending)) throw new Error('inspect refused what can be read.');
  for (const structure of STRUCTURE_KINDS) {
    for (const block of structure === 'bat' || structure === 'bitmap' ? [undefined, 0] : [undefined]) {
      const options = { image: path, structure, all: true, ...(block === undefined ? {} : { block }) };
      await timed(`inspect ${structure}`, async () => {
        const report = await inspectStructures(options).catch(refusalOf);
        expectPrintable(report instanceof VhdupError ? report.message : showStructures(report, SCREEN));
      });
    }
  }
  await timed('check', async () => expectPrintable(showCheck(await checkImage({ image: path }), SCREEN)));
  return { ending, slowest };
}

/** @returns the error, if it is a vhdup error with a full sentence as its message. */
function refusalOf(error: unknown): VhdupError {
  if (!(error instanceof VhdupError)) throw error;
  if (!/^[A-Z].*[.]$/s.test(error.message)) throw new Error(`Not a sentence: ${error.message}`, { cause: error });
  return error;
}

/** Asserts that text from an image contains no control characters when it reaches a terminal. */
function expectPrintable(text: string): void {
  const found = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.exec(text);
  if (found !== null) throw new Error(`The character ${found[0].codePointAt(0)} is printed: ${JSON.stringify(text)}`);
}
