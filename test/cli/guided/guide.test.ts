// The whole flow over streams, up to the words that it runs. A SAS that can only write is not tried out: nothing is sent.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { GuidedArguments } from '../../../src/cli/guided/context.ts';
import { guide } from '../../../src/cli/guided/guide.ts';
import { RecentDestinations } from '../../../src/cli/guided/recent-destinations.ts';
import { shellCommand } from '../../../src/cli/guided/shell-command.ts';
import { UsageError } from '../../../src/errors.ts';
import { SIGNATURE, sasWith } from '../../support/sas-samples.ts';
import { type Answer, ScriptedTerminal } from '../../support/scripted-terminal.ts';
import { buildVhd } from '../../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const CONTAINER = 'https://acc.blob.core.windows.net/vhds';
const SAS = sasWith({ sp: 'w' });
const GROUP = {
  kind: 'group',
  subscription: '99999999-8888-7777-6666-555555555555',
  resourceGroup: 'migration',
} as const;

const ARGUMENTS: GuidedArguments = {
  ...{ image: '', format: undefined, parentPath: [], allowNetworkParents: false, trustUnmarkedSectors: false },
  ...{ resourceGroup: undefined, subscription: undefined, cloud: undefined, armEndpoint: undefined },
  ...{ armAudience: undefined, sasFile: undefined, sasCommand: undefined, json: false, quiet: false },
  ...{ disk: undefined, location: undefined, osType: undefined, generation: undefined, sku: undefined },
  ...{ zone: undefined, securityType: undefined, architecture: undefined, diskAccess: undefined, tags: [] },
  ...{ networkAccess: undefined, dataAccessAuthMode: undefined, diskEncryptionSet: undefined },
  ...{ logicalSectorSize: undefined, publicAccess: undefined, contentType: undefined, pageBlobTier: undefined },
  ...{ blobTags: undefined, contentMd5: false, deleteSnapshots: false, breakLease: false, metadata: [] },
  ...{ base: undefined, checkpoint: undefined },
  ...{ skipFree: undefined, restart: false, overwrite: false, resumeFromBlob: false, createContainer: false },
  skipChecks: false,
};

let home: string;
let image: string;

beforeEach(async () => {
  home = await temporaryFolder();
  image = join(await temporaryFolder(), 'web 01.vhdx.vhd');
  await buildVhd(image, { type: 'dynamic', size: 24 * MIB, contents: [] });
});

interface Given {
  readonly files?: readonly string[];
  readonly args?: Partial<GuidedArguments>;
  readonly options?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** What the command ends with. */
  readonly exitCode?: number;
}

async function guided(given: Given, ...answers: readonly Answer[]) {
  const terminal = new ScriptedTerminal(...answers);
  const lines: (readonly string[])[] = [];
  const exitCode = await guide(
    { ...ARGUMENTS, image, ...given.args },
    {
      given: { files: given.files ?? [image], areNamed: true, options: given.options ?? [] },
      environment: { HOME: home, XDG_STATE_HOME: home, TERM: 'dumb', ...given.environment },
      input: terminal.input,
      output: terminal.output,
      run: (words) => {
        lines.push(words);
        return Promise.resolve(given.exitCode ?? 0);
      },
    },
  );
  expect(terminal.surprises).toEqual([]);
  expect(terminal.left).toEqual([]);
  expect(terminal.shown).not.toContain(SIGNATURE.slice(4, 16));
  return { exitCode, lines, shown: terminal.shown };
}

const recent = () => new RecentDestinations(join(home, 'vhdup'));

const TO_CONTAINER: readonly Answer[] = [
  ['Your choice', '2'],
  ['a SAS in it is not shown', `${CONTAINER}?${SAS}`],
  ['Name of the blob in vhds [web 01.vhdx.vhd]', 'a b.vhd'],
  ['Start?', 'y'],
];

describe('the guided upload', () => {
  it('runs vhdup upload with the SAS, and shows it without', async () => {
    const { exitCode, lines, shown } = await guided({ options: ['-t', '8'] }, ...TO_CONTAINER);
    expect(exitCode).toBe(0);
    expect(lines).toEqual([['upload', image, `${CONTAINER}/a%20b.vhd?${SAS}`, '-t', '8']]);
    expect(shown).toContain(
      shellCommand(['upload', image, `${CONTAINER}/a%20b.vhd`, '--sas-file', '-', '-t', '8'], {}),
    );
    expect(await recent().list()).toEqual([{ kind: 'container', url: CONTAINER, access: 'sas' }]);
  });

  it('takes a URL that is pasted at once, and explains one that is none', async () => {
    const { lines, shown } = await guided(
      {},
      ['Your choice', 'https://acc.file.core.windows.net/share/a.vhd'],
      ['Your choice', `${CONTAINER}?${SAS}`],
      ['Name of the blob', 'a.vhd'],
      ['Start?', ''],
    );
    expect(shown).toContain('file');
    expect(lines).toEqual([['upload', image, `${CONTAINER}/a.vhd?${SAS}`]]);
  });

  it('has the exit code of the command', async () => {
    expect((await guided({ exitCode: 10 }, ...TO_CONTAINER)).exitCode).toBe(10);
  });

  it('runs and remembers nothing without a yes', async () => {
    const answers: Answer[] = [...TO_CONTAINER.slice(0, -1), ['Start?', 'what'], ['Start?', 'n']];
    const { exitCode, lines } = await guided({}, ...answers);
    expect({ exitCode, lines }).toEqual({ exitCode: 130, lines: [] });
    expect(await recent().list()).toEqual([]);
  });

  it('remembers nothing if that is switched off', async () => {
    await recent().remember(GROUP);
    const { shown } = await guided({ environment: { VHDUP_RECENT: '0' } }, ...TO_CONTAINER);
    expect(shown).not.toContain('migration');
    expect(await recent().list()).toEqual([GROUP]);
  });

  it('takes a blob, the SAS of which is given apart', async () => {
    const { lines } = await guided(
      {},
      ['Your choice', '2'],
      ['a SAS in it is not shown', `${CONTAINER}/disk.vhd`],
      ['Access by', '1'],
      ['SAS, or a URL with one', 'nonsense'],
      ['SAS, or a URL with one', `https://other.blob.core.windows.net/vhds?${SAS}`],
      ['SAS, or a URL with one', `"?${SAS}"`],
      ['Start?', ''],
    );
    expect(lines).toEqual([['upload', image, `${CONTAINER}/disk.vhd?${SAS}`]]);
  });

  it('takes the URL of a managed disk that somebody granted', async () => {
    const disk = 'https://md-impexp-abcdefgh.z12.blob.storage.azure.net/abcdefgh/abcd';
    const sas = sasWith({ sr: 'b', sp: undefined, si: 'policy', sv: '2018-03-28' });
    const { lines } = await guided(
      {},
      ['Your choice', '2'],
      ['a SAS in it is not shown', `${disk}?${sas}`],
      ['Start?', ''],
    );
    expect(lines).toEqual([['upload', image, `${disk}?${sas}`]]);
    expect(await recent().list()).toEqual([]);
  });

  it('refuses a SAS that cannot upload, and leads elsewhere', async () => {
    const { lines, shown } = await guided(
      {},
      ['Your choice', '2'],
      ['a SAS in it is not shown', `${CONTAINER}/disk.vhd?${sasWith({ sp: 'r' })}`],
      ['Next', 'another access'],
      ['Access by', '1'],
      ['SAS, or a URL with one', SAS],
      ['Start?', ''],
    );
    expect(shown).toContain('lacks');
    expect(lines).toEqual([['upload', image, `${CONTAINER}/disk.vhd?${SAS}`]]);
  });

  it('leads back with empty lines', async () => {
    const { exitCode } = await guided(
      {},
      ['Your choice', '2'],
      ['a SAS in it is not shown', ''],
      ['Your choice', '2'],
      ['a SAS in it is not shown', CONTAINER],
      ['Name of the blob', 'a.vhd'],
      ['Access by', '1'],
      ['SAS, or a URL with one', ''],
      ...TO_CONTAINER.slice(0, -1),
      ['Start?', 'n'],
    );
    expect(exitCode).toBe(130);
  });

  it('asks for no SAS that an option gives', async () => {
    const { lines } = await guided(
      { args: { sasFile: 'sas.txt' }, options: ['--sas-file', 'sas.txt'] },
      ['Your choice', '1'],
      ['a SAS in it is not shown', CONTAINER],
      ['Name of the blob', ''],
      ['Start?', ''],
    );
    expect(lines).toEqual([['upload', image, `${CONTAINER}/web%2001.vhdx.vhd`, '--sas-file', 'sas.txt']]);
  });

  it.each<[string, Partial<GuidedArguments>, string, string]>([
    ['of a disk', { sku: 'Premium_LRS' }, 'a new managed disk', 'a blob'],
    ['of a blob', { sasFile: 'sas.txt' }, 'a blob', 'managed disk'],
  ])('offers only what an option %s leaves', async (_, args, offered, hidden) => {
    await recent().remember(GROUP);
    await recent().remember({ kind: 'container', url: CONTAINER, access: 'sas' });
    const terminal = new ScriptedTerminal();
    const request = {
      given: { files: [image], areNamed: true, options: [] },
      environment: { HOME: home, XDG_STATE_HOME: home, TERM: 'dumb' },
      run: () => Promise.resolve(0),
    };
    const { input, output } = terminal;
    await failureOf(guide({ ...ARGUMENTS, image, ...args }, { ...request, input, output }));
    const choices = terminal.shown.split('nothing else is offered.')[1] ?? '';
    expect(choices).toMatch(new RegExp(`\\n +\\d {2}${offered}`));
    expect(choices).not.toContain(hidden);
  });

  it('refuses options for a disk and for a blob together before it asks anything', async () => {
    const failure = await failureOf(guided({ args: { zone: '1', base: `${CONTAINER}/base.vhd` } }));
    expect(failure.message).toBe('--zone is for a managed disk, and --base for a blob. Leave one of them out.');
  });

  it('forgets the places of earlier uploads', async () => {
    await recent().remember(GROUP);
    const { shown } = await guided({}, ['Your choice', 'forget'], ...TO_CONTAINER.slice(0, -1), ['Start?', 'n']);
    expect(shown).toContain('1  a new managed disk in the resource group migration');
    expect(await recent().list()).toEqual([]);
  });

  it('does not upload a disk that failed the check, unless the user insists', async () => {
    await buildVhd(image, { type: 'dynamic', size: MIB, contents: [] });
    const { exitCode, lines } = await guided({}, ['Upload it nevertheless?', '']);
    expect({ exitCode, lines }).toEqual({ exitCode: 21, lines: [] });
    expect((await guided({}, ['Upload it nevertheless?', 'y'], ...TO_CONTAINER)).exitCode).toBe(0);
  });

  it('leaves out the one of several images that failed the check and is declined', async () => {
    const small = join(dirname(image), 'small.vhd');
    await buildVhd(small, { type: 'dynamic', size: MIB, contents: [] });
    const files = [small, image];
    const { lines, shown } = await guided({ files }, ['Upload it nevertheless?', 'n'], ...TO_CONTAINER);
    expect(shown).toContain(`${small} is left out.`);
    expect(lines).toEqual([['upload', image, `${CONTAINER}/a%20b.vhd?${SAS}`]]);
  });

  it('refuses an image that is none, with the error of vhdup upload', async () => {
    await mkdir(join(dirname(image), 'folder.vhd'));
    const folder = join(dirname(image), 'folder.vhd');
    const request = { files: [folder], areNamed: true, options: [] };
    const { input, output } = new ScriptedTerminal();
    const run = () => Promise.resolve(0);
    const failure = guide(ARGUMENTS, { given: request, environment: { HOME: home }, input, output, run });
    expect(await failureOf(failure)).toMatchObject({ code: 'IMAGE_ACCESS', exitCode: 3 });
  });

  it.each<[string, Partial<GuidedArguments>, NodeJS.ProcessEnv]>([
    ['--json', { json: true }, {}],
    ['--quiet', { quiet: true }, {}],
    ['CI', {}, { CI: '1' }],
  ])('asks nothing with %s', async (_, args, environment) => {
    const failure = await failureOf(guided({ args, environment }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toContain('DESTINATION, or vhdup upload');
  });
});
