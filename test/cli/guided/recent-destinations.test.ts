import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type RecentDestination, RecentDestinations } from '../../../src/cli/guided/recent-destinations.ts';
import { temporaryFolder } from '../../support/vhd-fixtures.ts';

const SUBSCRIPTION = '99999999-8888-7777-6666-555555555555';
const MODE = 0o777;

function container(name: string): RecentDestination {
  return { kind: 'container', url: `https://acc.blob.core.windows.net/${name}`, access: 'sas' };
}

const GROUP: RecentDestination = {
  kind: 'group',
  subscription: SUBSCRIPTION,
  resourceGroup: 'migration',
  location: 'westeurope',
};

async function newStore() {
  const folder = join(await temporaryFolder(), 'state', 'vhdup');
  return { folder, store: new RecentDestinations(folder) };
}

/** Makes a file older: the order is that of the times of modification. */
async function age(folder: string, minutes: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const time = new Date((await stat(join(folder, name))).mtimeMs - minutes * 60_000);
    await utimes(join(folder, name), time, time);
  }
}

describe('the destinations of earlier uploads', () => {
  it('are listed from the latest on, each once', async () => {
    const { folder, store } = await newStore();
    expect(await store.list()).toEqual([]);
    for (const destination of [container('one'), GROUP, container('two'), container('one')]) {
      await store.remember(destination);
      await age(folder, 1);
    }
    expect(await store.list()).toEqual([container('one'), container('two'), GROUP]);
  });

  it('keep what was used last of the same place', async () => {
    const { store } = await newStore();
    await store.remember(GROUP);
    await store.remember({ ...GROUP, resourceGroup: 'Migration', location: 'northeurope' });
    expect(await store.list()).toEqual([{ ...GROUP, resourceGroup: 'Migration', location: 'northeurope' }]);
  });

  it('are at most ten, and only their owner can read them', async () => {
    const { folder, store } = await newStore();
    for (let number = 0; number < 13; number++) {
      await store.remember(container(`number-${number}`));
      await age(folder, 1);
    }
    expect((await store.list()).map((one) => 'url' in one && one.url.slice(-2))).toEqual([
      '12',
      '11',
      '10',
      '-9',
      '-8',
      '-7',
      '-6',
      '-5',
      '-4',
      '-3',
    ]);
    const names = await readdir(folder);
    expect(names).toHaveLength(10);
    if (process.platform !== 'win32') {
      expect((await stat(folder)).mode & MODE).toBe(0o700);
      expect((await stat(join(folder, names[0] ?? ''))).mode & MODE).toBe(0o600);
    }
  });

  it('are all kept when several processes remember at once', async () => {
    const { folder } = await newStore();
    const destinations = Array.from({ length: 8 }, (_, number) => container(`number-${number}`));
    await Promise.all(destinations.map((one) => new RecentDestinations(folder).remember(one)));
    expect(new Set(await new RecentDestinations(folder).list())).toEqual(new Set(destinations));
  });

  it('survive files that are damaged, foreign or links', async () => {
    const { folder, store } = await newStore();
    await store.remember(GROUP);
    const bad = [
      '',
      '{"kind":"container"',
      'null',
      '[]',
      '{"kind":"other"}',
      '{"kind":"container","url":"https://acc.blob.core.windows.net/vhds?sv=1&sig=x","access":"sas"}',
      '{"kind":"container","url":"not a URL","access":"sas"}',
      '{"kind":"container","url":"https://acc.blob.core.windows.net/vhds/blob.vhd","access":"sas"}',
      '{"kind":"group","subscription":"x","resourceGroup":"rg"}',
      `{"kind":"group","subscription":"${SUBSCRIPTION}","resourceGroup":"a/b"}`,
      `{"padding":"${'x'.repeat(10_000)}"}`,
    ];
    for (const [index, text] of bad.entries()) {
      await writeFile(join(folder, `${String(index).padStart(16, '0')}.json`), text);
    }
    await writeFile(join(folder, 'notes.json'), JSON.stringify(container('notes')));
    await mkdir(join(folder, 'aaaaaaaaaaaaaaaa.json'));
    if (process.platform !== 'win32') await symlink('notes.json', join(folder, 'bbbbbbbbbbbbbbbb.json'));
    expect(await store.list()).toEqual([GROUP]);
  });

  it('lose a region that cannot be one', async () => {
    const { folder, store } = await newStore();
    await store.remember({ ...GROUP, location: 'west\u001beurope' });
    const { location: _, ...rest } = GROUP;
    expect(await store.list()).toEqual([rest]);
    expect(await readdir(folder)).toHaveLength(1);
  });

  it('are forgotten, and only they', async () => {
    const { folder, store } = await newStore();
    await store.remember(GROUP);
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await store.forgetAll();
    expect(await store.list()).toEqual([]);
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('are nowhere if they are not wanted, or if their folder cannot be made', async () => {
    const none = new RecentDestinations(undefined);
    await none.remember(GROUP);
    expect(await none.list()).toEqual([]);
    await none.forgetAll();
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    const blocked = new RecentDestinations(join(file, 'vhdup'));
    await blocked.remember(GROUP);
    expect(await blocked.list()).toEqual([]);
  });
});
