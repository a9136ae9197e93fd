// Rules that need the boot configuration of a Windows (BCD).
import type { BootConfiguration } from '../../volume/boot-configuration/boot-configuration.ts';
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import type { CheckFacts } from '../check-facts.ts';
import type { WindowsSystem } from '../guest/windows-system.ts';
import { fail, type Rule, unread, type Verdict } from '../rule.ts';
import { windowsRule } from './windows-rule.ts';

/** A boot configuration and the entry that starts without a choice. */
interface DefaultEntry {
  readonly bcd: BootConfiguration;
  readonly loader: string;
}

type BootRule = Pick<Rule, 'id' | 'sources' | 'title' | 'reason' | 'exempt'> & {
  /** Whether it fails without a boot configuration; the others then cannot be judged. */
  readonly isForMissing?: boolean;
  readonly run: (entry: DefaultEntry, windows: WindowsSystem, facts: CheckFacts) => Promise<Verdict>;
};

export function bootRule({ run, isForMissing = false, ...rest }: BootRule): Rule {
  return windowsRule({
    ...rest,
    group: 'boot',
    run: async (windows, facts) => {
      const bcd = configurationOf(windows);
      if ('missing' in bcd) return isForMissing ? fail(bcd.missing, BCDBOOT) : unread(bcd.missing, BCDBOOT);
      const loader = await bcd.defaultObject();
      if (loader === undefined) return fail('the boot manager has no default entry', BCDBOOT);
      if (!(await bcd.has(loader))) return fail(`the default entry ${loader} does not exist`, BCDBOOT);
      return await run({ bcd, loader }, windows, facts);
    },
  });
}

export const BCDBOOT = 'Start a recovery disk with this disk attached, and run: bcdboot C:\\Windows';

/** @throws {UnreadableError} it is not known whether there is one. */
function configurationOf({ boot }: WindowsSystem): BootConfiguration | { readonly missing: string } {
  if (!boot.isRead) throw new UnreadableError(boot.reason);
  if (boot.bcd === undefined) return { missing: `there is no boot configuration ${boot.path} on ${boot.name}` };
  if ('unread' in boot.bcd) throw new UnreadableError(`${boot.name}: ${boot.bcd.unread}`);
  return boot.bcd;
}
