// Runs add-azurevhd, add-azvhd, save-azurevhd and save-azvhd: their words in, an upload or a download out.
import { VERSION } from '../../base/version.ts';
import { EXIT_CODES, UsageError } from '../../errors.ts';
import { askYesNo } from '../ask-yes-no.ts';
import { downloadCommand } from '../commands/download.ts';
import { uploadCommand } from '../commands/upload.ts';
import { safeText } from '../guard-output.ts';
import { interruptible } from '../interrupt.ts';
import type { Presentation } from '../presentation.ts';
import { assertComplete, bind, type Invocation } from './bind.ts';
import { cmdletHelp } from './cmdlet-help.ts';
import { ADD_AZURE_VHD, SAVE_AZURE_VHD } from './cmdlets.ts';
import { type Cmdlet, isSwitch, type Parameter } from './parameter.ts';
import { rewordFor } from './reword.ts';
import {
  assertNoneRefused,
  commandText,
  isShownWhole,
  localFileOf,
  notesOf,
  uploadWords,
  WITHOUT_SAS,
  withoutSas,
} from './upload-words.ts';

/** Runs a command of vhdup. @returns its exit code. */
export type RunCommand = (words: readonly string[], presentation: Presentation) => Promise<number>;

/**
 * @param args - After the name of the cmdlet.
 * @returns the exit code. @throws {UsageError} an argument is not valid.
 */
export async function runCmdlet(cmdlet: Cmdlet, args: readonly string[], runCommand: RunCommand): Promise<number> {
  const invocation = bind(cmdlet, args, takesValueIn(cmdlet));
  if (has(invocation, 'help') || invocation.options.includes('--help')) {
    process.stdout.write(`${cmdletHelp(cmdlet, Math.min(110, process.stdout.columns || 80))}\n`);
    return EXIT_CODES.ok;
  }
  if (invocation.options.includes('--version')) {
    process.stdout.write(`${VERSION}\n`);
    return EXIT_CODES.ok;
  }
  // First what explains why something else is missing. With -StorageKey, Save-AzVhd takes no resource group in front.
  assertNoneRefused(invocation, ({ parameter }) => !isSwitch(parameter));
  assertNoUrlAsGroup(invocation);
  assertNoUrlAsFile(invocation);
  assertComplete(invocation);
  const words = uploadWords(invocation);
  if (words.includes('--verbose')) {
    for (const note of notesOf(invocation)) process.stderr.write(`${safeText(note)}\n`);
  }
  const command = commandText(invocation);
  // As in PowerShell, -WhatIf asks nothing.
  if (has(invocation, 'confirm') && !words.includes('--dry-run') && !(await isConfirmed(command))) {
    process.stderr.write('Nothing was written.\n');
    return EXIT_CODES.ok;
  }
  return await runCommand(words, presentationOf(invocation, command));
}

/** Whether the switch with this meaning is on. */
function has({ bound }: Invocation, meaning: 'help' | 'confirm'): boolean {
  return bound.some(({ parameter, value }) => parameter.meaning.is === meaning && value === 'true');
}

function takesValueIn({ command }: Cmdlet): (option: string) => boolean | undefined {
  const { options } = command === 'download' ? downloadCommand : uploadCommand;
  return (option) => {
    const found = options[option.replace(/^--/, '')];
    return found === undefined ? undefined : found.type !== 'boolean';
  };
}

/** The older cmdlets begin with the URL, the newer ones with the resource group. */
function assertNoUrlAsGroup({ bound, cmdlet }: Invocation): void {
  const group = bound.find(({ parameter }) => parameter.name === 'ResourceGroupName');
  if (group === undefined || !/^https?:\/\//i.test(group.value)) return;
  const [url, older] =
    cmdlet.command === 'download' ? ['-SourceUri', SAVE_AZURE_VHD.name] : ['-Destination', ADD_AZURE_VHD.name];
  throw new UsageError(
    `The first word of ${cmdlet.name} is the resource group, but it is the URL ${withoutSas(group.value)}. Write ${url} in front of the URL and -LocalFilePath in front of the file, or use ${older}, which begins with the URL.`,
  );
}

/** `vhdup upload` and Add-AzVhd take the file and the URL in the other order. */
function assertNoUrlAsFile({ bound, cmdlet }: Invocation): void {
  const file = bound.find(({ parameter }) => parameter.name === 'LocalFilePath');
  if (file === undefined || !/^https?:\/\//i.test(file.value)) return;
  const isUrl = ({ meaning }: Parameter) =>
    meaning.is === 'argument' && (meaning.name === 'source' || meaning.name === 'destination');
  const url = `-${cmdlet.parameters.find(isUrl)?.name}`;
  throw new UsageError(
    `-LocalFilePath is the URL ${withoutSas(file.value)}. Words without a name are taken in the order of ${cmdlet.name} --help: write ${url} in front of the URL, and -LocalFilePath in front of the file.`,
  );
}

async function isConfirmed(command: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(
      '-Confirm asks a question, and there is no terminal to answer it. Leave it out, or write -Confirm:$false.',
    );
  }
  return await interruptible(
    (signal) => askYesNo(`${command}\nRun this command?`, signal),
    () => undefined,
  );
}

function presentationOf(invocation: Invocation, command: string): Presentation {
  return {
    name: invocation.cmdlet.name,
    reword: rewordFor(invocation),
    command: isShownWhole(invocation) ? command : command + WITHOUT_SAS,
    // The VhdUploadContext of the cmdlet, or its VhdDownloadContext. The cmdlet's URL contains the SAS; this one never does.
    propertiesOf: (result) => {
      if (!('url' in result && typeof result.url === 'string')) return undefined;
      const LocalFilePath = localFileOf(invocation);
      return invocation.cmdlet.command === 'download'
        ? { LocalFilePath, Source: result.url }
        : { LocalFilePath, DestinationUri: result.url };
    },
  };
}
