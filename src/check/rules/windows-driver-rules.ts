// Rules about the drivers and devices that a Windows needs on the hosts of Azure.
import { START } from '../guest/windows-system.ts';
import { fail, pass, type Rule, warn } from '../rule.ts';
import { differences, fixFor, foundIn, notApplicable, windowsRule } from './windows-rule.ts';

/** Windows 7 SP1, Server 2008 R2 SP1. */
const FIRST_BUILD = 7601;
/** Windows 10 1809, Server 2019. */
const FIRST_BUILD_WITH_NVME = 17_763;

const LEGACY_ACPI = windowsRule({
  id: 'windows-legacy-acpi',
  sources: ['platformUpdate'],
  title: 'Devices of Windows Server 2012',
  reason:
    'The hosts of Azure name the VMBus MSFT1000 and the generation counter MSFT1002. Windows Server 2012 and 2012 R2 without these devices stop with 0x7B, on Azure only.',
  run: async (windows) => {
    const { build } = await windows.version();
    if (build !== 9200 && build !== 9600) return notApplicable('only for Windows Server 2012 and 2012 R2');
    const devices = (await windows.subkeys('system', 'Enum\\ACPI'))?.map((name) => name.toLowerCase()) ?? [];
    const missing = devices.includes('msft1000') ? [] : ['MSFT1000'];
    if (devices.includes('hyper_v_gen_counter_v1') && !devices.includes('msft1002')) missing.push('MSFT1002');
    if (missing.length === 0) return pass('Enum\\ACPI has the devices');
    return fail(
      `Enum\\ACPI has no ${missing.join(' and no ')}`,
      'Copy the keys VMBus to MSFT1000 and Hyper_V_Gen_Counter_V1 to MSFT1002 below HKLM\\SYSTEM\\CurrentControlSet\\Enum\\ACPI, or upgrade Windows.',
    );
  },
});

/** Drivers of Hyper-V, with the start type that they need. */
const DRIVERS = { vmbus: START.boot, storvsc: START.boot, netvsc: START.manual } as const;

const HYPER_V_DRIVERS = windowsRule({
  id: 'windows-drivers',
  sources: ['windows'],
  title: 'Drivers of Hyper-V',
  reason:
    'Azure is Hyper-V. A Windows that does not start vmbus and storvsc at boot does not find its disk (stop 0x7B); without netvsc it has no network.',
  run: async (windows) => {
    const { build } = await windows.version();
    const problems: string[] = [];
    const overridden: string[] = [];
    for (const [driver, wanted] of Object.entries(DRIVERS)) {
      const start = await windows.startOf(driver);
      // Windows 7 and Server 2008 R2 start storvsc on demand.
      const isRight = start === wanted || (driver === 'storvsc' && start === START.manual && build === FIRST_BUILD);
      if (!isRight)
        problems.push(
          start === undefined ? `${driver} is not installed` : `${driver} Start is ${start}, not ${wanted}`,
        );
      const file = `/Windows/System32/drivers/${driver}.sys`;
      if (!(await windows.exists(file))) problems.push(`${file} is missing`);
      const override = await windows.integer('system', `Services\\${driver}\\StartOverride`, '0');
      if (wanted === START.boot && override === START.manual) overridden.push(`${driver} StartOverride is 3`);
    }
    const fix = 'Start the disk in Hyper-V once, where Windows installs its drivers, and shut it down.';
    if (problems.length > 0) return fail(problems.join('; '), fix);
    return overridden.length > 0 ? warn(overridden.join('; '), fix) : pass(Object.keys(DRIVERS).join(', '));
  },
});

/** In seconds: the hosts of Azure handle faults of a disk in this time. */
const NVME_TIMEOUT = 240;

const NVME = windowsRule({
  id: 'windows-nvme',
  sources: ['nvme'],
  title: 'NVMe controller',
  reason:
    'A VM size with NVMe only starts a Windows whose driver stornvme starts at boot, in generation 2. With a short timeout, Windows gives up a disk before Azure has moved it.',
  exempt: ({ hasNvme }) => (hasNvme === true ? undefined : 'only with --nvme'),
  run: async (windows, { generation }) => {
    const { build } = await windows.version();
    const problems: string[] = [];
    if (generation === 1) problems.push('generation 1');
    if (build < FIRST_BUILD_WITH_NVME) problems.push(`build ${build}, before ${FIRST_BUILD_WITH_NVME}`);
    const fix = 'Choose a VM size with SCSI, or use Windows Server 2019, Windows 10 1809 or later in generation 2.';
    if (problems.length > 0) return warn(problems.join('; '), fix);
    const key = 'Services\\stornvme';
    const found = await differences(windows, [
      { branch: 'system', key, name: 'Start', value: START.boot },
      { branch: 'system', key: `${key}\\Parameters`, name: 'IoTimeoutValue', value: NVME_TIMEOUT },
    ]);
    return found.length === 0 ? pass('stornvme starts at boot') : warn(foundIn(found), fixFor(found));
  },
});

export const WINDOWS_DRIVER_RULES: readonly Rule[] = [LEGACY_ACPI, HYPER_V_DRIVERS, NVME];
