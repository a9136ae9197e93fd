// Rules about the state of a Windows as an image: setup and Sysprep, answer files, pending restarts.
// Sources: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure", "Windows Setup states".
import { START, type WindowsSystem } from '../guest/windows-system.ts';
import { fail, pass, type Rule, warn } from '../rule.ts';
import { becomesImage, notApplicable, windowsRule } from './windows-rule.ts';

const COMPLETE = 'IMAGE_STATE_COMPLETE';
const SYSPREP = 'Run in the machine: C:\\Windows\\System32\\Sysprep\\sysprep.exe /oobe /generalize /shutdown';

const AS_IMAGE = 'Create an image from it (vhdup image create), and check with --image generalized.';

const GENERALIZED = windowsRule({
  id: 'windows-generalized',
  sources: ['windows', 'setupStates'],
  group: 'provisioning',
  title: 'State of setup',
  reason:
    'Images are made from a generalized Windows. A Windows that is not generalized can become one machine, from a specialized disk. One whose setup has not ended starts as neither.',
  run: async (windows, { osState }) => {
    const state = (await windows.imageState()) ?? 'not set';
    if (await windows.isGeneralized()) {
      if (osState === 'specialized') return fail('generalized: it begins with the setup of a new machine', AS_IMAGE);
      const missing = await missingMarks(windows);
      return missing.length === 0 ? pass('generalized') : fail(`generalized, but ${missing.join('; ')}`, SYSPREP);
    }
    if (state !== COMPLETE) return fail(`ImageState is ${state}`, `Let setup end. ${SYSPREP}`);
    if ((await windows.integer('setup', 'Setup\\Status\\SysprepStatus', 'GeneralizationState')) === 3) {
      return fail(
        'GeneralizationState is 3: Sysprep has failed',
        `See C:\\Windows\\System32\\Sysprep\\Panther\\setupact.log. ${SYSPREP}`,
      );
    }
    return osState === 'generalized' ? fail('not generalized', SYSPREP) : pass('specialized');
  },
});

/** What else Sysprep leaves behind when it has generalized. */
async function missingMarks(windows: WindowsSystem): Promise<string[]> {
  const missing: string[] = [];
  const type = await windows.integer('setup', 'Setup', 'SetupType');
  if (type !== 2) missing.push(`SetupType is ${type ?? 'not set'}, not 2`);
  const command = (await windows.text('setup', 'Setup', 'CmdLine')) ?? '';
  if (!/windeploy/i.test(command)) missing.push('CmdLine does not start windeploy');
  if (!(await windows.exists('/Windows/System32/Sysprep/Sysprep_succeeded.tag')))
    missing.push('Sysprep_succeeded.tag is missing');
  return missing;
}

const ANSWER_FILES = [
  '/Windows/Panther',
  '/Windows/System32/Sysprep/unattend.xml',
  '/unattend.xml',
  '/autounattend.xml',
] as const;

const UNATTEND = windowsRule({
  id: 'windows-unattend',
  sources: ['windows'],
  group: 'provisioning',
  title: 'No answer files',
  reason:
    'Azure provides its own answer file when it provisions a machine. Windows prefers the ones that it finds on the disk, and provisioning fails.',
  run: async (windows, facts) => {
    if (!(await becomesImage(windows, facts))) return notApplicable('only for generalized images');
    const found: string[] = [];
    for (const path of ANSWER_FILES) {
      if (await windows.exists(path)) found.push(path);
    }
    return found.length === 0 ? pass('none') : warn(found.join(', '), 'Delete them, and run Sysprep again.');
  },
});

const DVD = windowsRule({
  id: 'windows-dvd',
  sources: ['windows'],
  group: 'provisioning',
  title: 'DVD drive enabled',
  reason:
    'Azure hands the settings of a new machine to Windows on a DVD. Without the driver cdrom, provisioning does not end.',
  run: async (windows, facts) => {
    if (!(await becomesImage(windows, facts))) return notApplicable('only for generalized images');
    const start = await windows.startOf('cdrom');
    if (start !== undefined && start !== START.disabled) return pass(`cdrom Start is ${start}`);
    const found = start === undefined ? 'cdrom is not installed' : 'cdrom Start is 4 (disabled)';
    return fail(
      found,
      'Run in the machine: reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\cdrom /v Start /t REG_DWORD /d 1 /f',
    );
  },
});

const PENDING = windowsRule({
  id: 'windows-pending',
  sources: ['windows'],
  group: 'provisioning',
  title: 'No pending restart',
  reason:
    'Updates that wait for a restart are completed while the machine is provisioned, which takes too long or fails. Sysprep refuses to run.',
  run: async (windows, facts) => {
    const found: string[] = [];
    const version = 'Microsoft\\Windows\\CurrentVersion';
    if (await windows.has('software', `${version}\\Component Based Servicing\\RebootPending`))
      found.push('RebootPending');
    if (await windows.has('software', `${version}\\WindowsUpdate\\Auto Update\\RebootRequired`))
      found.push('RebootRequired');
    if (await windows.exists('/Windows/WinSxS/pending.xml')) found.push('WinSxS\\pending.xml');
    if (found.length === 0) return pass('none');
    const judge = (await becomesImage(windows, facts)) ? fail : warn;
    return judge(found.join(', '), 'Restart the machine until no update is pending, then shut it down.');
  },
});

export const WINDOWS_IMAGE_RULES: readonly Rule[] = [GENERALIZED, UNATTEND, DVD, PENDING];
