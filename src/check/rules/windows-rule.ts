// Rules that need the settings of a Windows: exempt without Windows, unread if a hive or a file cannot be read.
import { printable } from '../../base/printable.ts';
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import type { CheckFacts } from '../check-facts.ts';
import type { WindowsInstallation } from '../guest/find-windows.ts';
import type { Branch, WindowsSystem } from '../guest/windows-system.ts';
import { type Rule, unlessOsDisk, unread, type Verdict, warn } from '../rule.ts';
import { worstOf } from './worst-of.ts';

interface WindowsRule extends Pick<Rule, 'id' | 'sources' | 'title' | 'reason'> {
  readonly group?: Rule['group'];
  /** Also for a disk with Windows. */
  readonly exempt?: Rule['exempt'];
  readonly run: (windows: WindowsSystem, facts: CheckFacts) => Promise<Verdict>;
}

export function windowsRule({ group = 'system', run, exempt, ...rest }: WindowsRule): Rule {
  return {
    ...rest,
    group,
    level: 'B',
    exempt: (facts) => unlessWindows(facts) ?? exempt?.(facts),
    run: async (facts) => {
      const verdicts: [name: string, verdict: Verdict][] = [];
      for (const installation of facts.windows ?? []) {
        verdicts.push([installation.name, await verdictOf(installation, (windows) => run(windows, facts))]);
      }
      return verdicts.length === 0 ? unread('Windows was not examined', IN_THE_MACHINE) : worstOf(verdicts);
    },
  };
}

function unlessWindows(facts: CheckFacts): string | undefined {
  if (facts.windows !== undefined || facts.purpose === 'data-disk') return unlessOsDisk(facts);
  return facts.guest?.kind === 'linux' ? 'Linux' : 'no Windows';
}

async function verdictOf(
  installation: WindowsInstallation,
  run: (windows: WindowsSystem) => Promise<Verdict>,
): Promise<Verdict> {
  if ('unread' in installation) return cannotBeRead(installation.unread);
  try {
    const verdict = await run(installation.system);
    return { ...verdict, found: printable(verdict.found) };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return cannotBeRead(error.message);
  }
}

function cannotBeRead(reason: string): Verdict {
  return unread(`cannot be read: ${printable(reason)}`, IN_THE_MACHINE);
}

/** Whether machines are made from an image of it: because it was asked for, or because Sysprep has generalized it. */
export async function becomesImage(windows: WindowsSystem, { osState }: CheckFacts): Promise<boolean> {
  return osState === 'generalized' || (osState === undefined && (await windows.isGeneralized()));
}

const IN_THE_MACHINE = 'Check it in the running machine.';

export function notApplicable(found: string): Verdict {
  return { result: 'not-applicable', found };
}

/** A setting in the registry and the value that it must have. */
export interface Setting {
  readonly branch: Branch;
  readonly key: string;
  readonly name: string;
  readonly value: number | string;
  /** Whether it may be absent, because that means the same. */
  readonly mayBeAbsent?: boolean;
}

/** A value below the current control set. */
export function inSystem(key: string, name: string, value: number | string): Setting {
  return { branch: 'system', key, name, value };
}

/** A setting that has another value. */
export interface Difference {
  /** "Control\Terminal Server fDenyTSConnections is 1, not 0". */
  readonly found: string;
  /** The command that sets it. */
  readonly fix: string;
}

/** @throws {UnreadableError} */
export async function differences(
  windows: WindowsSystem,
  settings: readonly Setting[],
): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  for (const setting of settings) {
    const { branch, key, name, value, mayBeAbsent } = setting;
    const data = await windows.value(branch, key, name);
    if (data === undefined && mayBeAbsent === true) continue;
    const shown = data === undefined ? 'not set' : shownValue(data);
    if (sameValue(shown, value)) continue;
    const needed = data === undefined ? `; it must be ${value}` : `, not ${value}`;
    found.push({ found: `${key} ${name} is ${shown}${needed}`, fix: regAdd(setting) });
  }
  return found;
}

type Data = NonNullable<Awaited<ReturnType<WindowsSystem['value']>>>;

function shownValue(data: Data): number | string {
  switch (data.kind) {
    case 'integer':
      return Number(data.integer);
    case 'text':
      return data.text;
    case 'texts':
      return data.texts.join(' ');
    case 'bytes':
      return `${data.bytes.length} bytes`;
  }
}

/** Paths and names in the registry do not depend on case. */
function sameValue(one: number | string, other: number | string): boolean {
  return typeof one === typeof other && String(one).toLowerCase() === String(other).toLowerCase();
}

const ROOTS: Readonly<Record<Branch, string>> = {
  system: 'HKLM\\SYSTEM\\CurrentControlSet',
  setup: 'HKLM\\SYSTEM',
  software: 'HKLM\\SOFTWARE',
};

/** Creates missing keys too, in cmd as in PowerShell. */
function regAdd({ branch, key, name, value }: Setting): string {
  const root = ROOTS[branch];
  const type = typeof value === 'number' ? 'REG_DWORD' : value.startsWith('%') ? 'REG_EXPAND_SZ' : 'REG_SZ';
  return `reg add "${root}\\${key}" /v ${name} /t ${type} /d ${value} /f`;
}

/** A warning with all differences, or `otherwise`. */
export function warnOf(found: readonly Difference[], otherwise: Verdict): Verdict {
  return found.length === 0 ? otherwise : warn(foundIn(found), fixFor(found));
}

export function foundIn(found: readonly Difference[]): string {
  return found.map((one) => one.found).join('; ');
}

/** The commands, as one line for PowerShell. */
export function fixFor(found: readonly Difference[]): string {
  return `Run in the machine: ${found.map(({ fix }) => fix).join('; ')}`;
}
