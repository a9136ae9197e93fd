import { describe, expect, it } from 'vitest';
import { UnreadableError } from '../../../src/volume/file-systems/opened-file-system.ts';
import { Hive } from '../../../src/volume/registry/hive.ts';
import type { RegistryKey } from '../../../src/volume/registry/registry-key.ts';
import {
  type BuiltKey,
  binary,
  buildHive,
  dword,
  expandSz,
  type HiveForm,
  memoryFile,
  multiSz,
  qword,
  sz,
  withChecksum,
} from '../../support/hive-builder.ts';

async function openHive(root: BuiltKey, form?: HiveForm): Promise<Hive> {
  return await Hive.open(memoryFile(buildHive(root, form)), []);
}

const namesOf = (keys: readonly { readonly name: string }[] | undefined) => keys?.map(({ name }) => name);

describe('a hive', () => {
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`key ${index}`, {}]));

  it.each(['li', 'lf', 'lh', 'ri'] as const)('finds keys in lists of the kind %s', async (list) => {
    const hive = await openHive(
      { keys: { ...many, Services: { keys: { Dhcp: { values: { Start: dword(2) } } } } } },
      { list },
    );
    expect((await hive.root.subkeys()).length).toBe(601);
    expect((await hive.key('KEY 599'))?.name).toBe('key 599');
    expect(await hive.integer('services\\DHCP', 'start')).toBe(2);
    expect(await hive.key('key 600')).toBeUndefined();
    expect(await hive.key('Services\\Dhcp\\Absent\\More')).toBeUndefined();
  });

  it('reads few pages of many for one key', async () => {
    const file = memoryFile(buildHive({ keys: { ...many, Last: { values: { V: sz('x') } } } }));
    const hive = await Hive.open(file, []);
    expect(await hive.text('Last', 'V')).toBe('x');
    expect(file.size / 4096).toBeGreaterThan(12);
    expect(file.reads).toBeLessThan(8);
  });

  it('decodes each type', async () => {
    const bigEndian = { type: 5, data: Buffer.from([0, 0, 1, 2]) };
    const hive = await openHive({
      values: {
        '': sz('default'),
        text: sz('tëst тест'),
        path: expandSz('%SystemRoot%\\TEMP'),
        list: multiSz('a', '', 'b'),
        number: dword(0xffffffff),
        'big-endian': bigEndian,
        long: qword(2n ** 63n),
        bytes: binary(Buffer.from('abcdefgh')),
        short: { type: 4, data: Buffer.from([1]) },
        none: { type: 0, data: Buffer.alloc(0) },
      },
    });
    expect(await hive.value('', '')).toEqual({ kind: 'text', text: 'default' });
    expect(await hive.value('', 'TEXT')).toEqual({ kind: 'text', text: 'tëst тест' });
    expect(await hive.value('', 'path')).toEqual({ kind: 'text', text: '%SystemRoot%\\TEMP' });
    expect(await hive.value('', 'list')).toEqual({ kind: 'texts', texts: ['a', '', 'b'] });
    expect(await hive.value('', 'number')).toEqual({ kind: 'integer', integer: 0xffffffffn });
    expect(await hive.value('', 'big-endian')).toEqual({ kind: 'integer', integer: 0x102n });
    expect(await hive.value('', 'long')).toEqual({ kind: 'integer', integer: 2n ** 63n });
    expect(await hive.value('', 'bytes')).toEqual({ kind: 'bytes', bytes: Buffer.from('abcdefgh') });
    expect(await hive.value('', 'short')).toEqual({ kind: 'bytes', bytes: Buffer.from([1]) });
    expect(await hive.value('', 'none')).toEqual({ kind: 'bytes', bytes: Buffer.alloc(0) });
    expect(await hive.integer('', 'text')).toBeUndefined();
    expect(await hive.text('', 'number')).toBeUndefined();
    expect(await hive.value('', 'absent')).toBeUndefined();
  });

  it('ends a text at its first NUL, and reads texts whose end is missing', async () => {
    const raw = (type: number, text: string) => ({ type, data: Buffer.from(text, 'utf16le') });
    const odd = { type: 1, data: Buffer.concat([Buffer.from('ab', 'utf16le'), Buffer.from([7])]) };
    const hive = await openHive({
      values: { cut: raw(1, 'ab\0cd'), open: raw(1, 'ab'), odd, list: raw(7, 'a\0b'), empty: raw(7, '\0') },
    });
    expect(await hive.text('', 'cut')).toBe('ab');
    expect(await hive.text('', 'open')).toBe('ab');
    expect(await hive.text('', 'odd')).toBe('ab');
    expect(await hive.value('', 'list')).toEqual({ kind: 'texts', texts: ['a', 'b'] });
    expect(await hive.value('', 'empty')).toEqual({ kind: 'texts', texts: [] });
  });

  it('compares names without case, as Windows does, letter by letter', async () => {
    const hive = await openHive({ keys: { Привет: { keys: { Straße: {}, ëÿ: {}, ı: {} } } } });
    expect((await hive.key('пРИВЕТ\\STRAßE'))?.name).toBe('Straße');
    expect(await hive.key('ПРИВЕТ\\STRASSE')).toBeUndefined();
    expect((await hive.key('привет\\ËŸ'))?.name).toBe('ëÿ');
    // A dotless i is no other way to write I.
    expect(await hive.key('привет\\I')).toBeUndefined();
  });

  it.each([16_344, 16_345, 32_688, 81_725])('reads a value of %i bytes, in segments or in one cell', async (length) => {
    const data = Buffer.from(Array.from({ length }, (_, index) => index % 251));
    for (const minorVersion of [3, 5]) {
      const hive = await openHive({ values: { V: binary(data) } }, { minorVersion });
      const value = await hive.value('', 'V');
      expect(value?.kind === 'bytes' && value.bytes.equals(data)).toBe(true);
    }
  });

  it('lists keys and values in the order of the hive', async () => {
    const hive = await openHive({ keys: { b: {}, a: {} }, values: { z: dword(1), y: dword(2) } });
    expect(namesOf(await hive.root.subkeys())).toEqual(['b', 'a']);
    expect(namesOf(await hive.root.values())).toEqual(['z', 'y']);
  });
});

describe('a hive that cannot be read', () => {
  const good = buildHive({ keys: { A: { keys: { B: { values: { V: sz('value') } } } } } });
  /** Offset in the file of the structure with the signature, counted from 0. */
  const nth = (signature: string, index: number) => {
    let at = -1;
    for (let found = 0; found <= index; found++) at = good.indexOf(signature, at + 1, 'latin1');
    return at;
  };

  async function messageFor(change: (hive: Buffer) => void, size = good.length): Promise<string> {
    const changed = Buffer.from(good.subarray(0, size));
    change(changed);
    const read = async () => {
      const hive = await Hive.open(memoryFile(changed), []);
      return `read ${await hive.text('A\\B', 'V')}`;
    };
    return await read().catch((error) => {
      expect(error).toBeInstanceOf(UnreadableError);
      return error.message;
    });
  }

  it.each<[string, (hive: Buffer) => void, string]>([
    [
      'no hive',
      (hive) => hive.fill(0, 0, 4),
      'its base block is damaged, and none of its 0 transaction logs can be applied',
    ],
    ['a wrong checksum', (hive) => hive.writeUInt8(1, 200), 'its base block is damaged, and none of its 0'],
    ['not closed', (hive) => withChecksum(setWord(hive, 4, 2)), 'it was not closed, and none of its 0'],
    ['a log', (hive) => withChecksum(setWord(hive, 28, 6)), 'it is a log of a hive'],
    ['version 1.2', (hive) => withChecksum(setWord(hive, 24, 2)), 'its version is 1.2, not 1.3 to 1.6'],
    ['another format', (hive) => withChecksum(setWord(hive, 32, 0)), 'its format is 0, not 1'],
    ['an odd size', (hive) => withChecksum(setWord(hive, 40, 4097)), 'the size of its bins is 4097'],
    ['a huge size', (hive) => withChecksum(setWord(hive, 40, 0xfffff000)), 'the size of its bins is 4294963200'],
    [
      'a root outside',
      (hive) => withChecksum(setWord(hive, 36, 8192)),
      'it refers to a cell at 8192, where none can be',
    ],
    ['no bin', (hive) => hive.fill(0, 4096, 4100), 'its first bin is damaged'],
    ['a free cell', (hive) => hive.writeInt32LE(80, nth('nk', 1) - 4), 'is not in use'],
    ['a large cell', (hive) => hive.writeInt32LE(-8192, nth('nk', 1) - 4), 'has the size 8192'],
    ['no key', (hive) => hive.write('kn', nth('nk', 1)), 'is no key'],
    ['a long name', (hive) => hive.writeUInt16LE(60_000, nth('nk', 1) + 72), 'bytes, but 60076 are needed'],
    [
      'another parent',
      (hive) => setWord(hive, nth('nk', 1) + 16, 40),
      'has the parent 40, but is listed by the key at 32',
    ],
    ['a loop', (hive) => setWord(hive, nth('lh', 0) + 4, 32), 'has the parent 4294967295'],
    ['no list', (hive) => hive.write('xx', nth('lh', 0)), 'is no list of subkeys'],
    ['another count', (hive) => setWord(hive, nth('nk', 1) + 20, 2), 'a key has 2 subkeys, but its lists have 1'],
    ['a huge count', (hive) => setWord(hive, nth('nk', 1) + 20, 0x7fffffff), 'a key has 2147483647 subkeys'],
    ['many values', (hive) => setWord(hive, nth('nk', 2) + 36, 0x7fffffff), 'a key has 2147483647 values'],
    ['more values', (hive) => setWord(hive, nth('nk', 2) + 36, 9), 'bytes, but 36 are needed'],
    ['no value', (hive) => hive.write('kv', nth('vk', 0)), 'is no value'],
    ['a long value', (hive) => setWord(hive, nth('vk', 0) + 4, 0x7fffffff), 'a value has 2147483647 bytes'],
    ['a long value in place', (hive) => setWord(hive, nth('vk', 0) + 4, 0x80000005), 'a value has 5 bytes'],
    [
      'a value without segments',
      (hive) => setWord(hive, nth('vk', 0) + 4, 20_000),
      'does not hold the 20000 bytes of a value',
    ],
  ])('is refused with the reason: %s', async (_, change, message) => {
    expect(await messageFor(change)).toContain(message);
  });

  it('is refused where the file was cut', async () => {
    expect(await messageFor(() => undefined, 4096)).toBe(
      'the file was cut: 4096 bytes are needed at 4096, but it has 4096 bytes',
    );
    expect(await messageFor(() => undefined, 100)).toContain('its base block is damaged');
  });

  it('reads what is intact beside what is not', async () => {
    const hive = buildHive({ keys: { good: { values: { V: dword(7) } }, bad: { values: { V: sz('long enough') } } } });
    setWord(hive, hive.lastIndexOf('vk', undefined, 'latin1') + 8, 0xfffffff8);
    const opened = await Hive.open(memoryFile(hive), []);
    expect(await opened.integer('good', 'V')).toBe(7);
    await expect(opened.text('bad', 'V')).rejects.toThrow('where none can be');
  });

  it('refuses a path that is too deep', async () => {
    const hive = await Hive.open(memoryFile(good), []);
    await expect(hive.key(`${'a\\'.repeat(512)}a`)).rejects.toThrow(RangeError);
  });
});

describe('a predefined handle', () => {
  it('has no values', async () => {
    const bytes = buildHive({ values: { V: dword(1) } });
    bytes.writeUInt16LE(0x60, bytes.indexOf('nk', 0, 'latin1') + 2);
    const { root }: { root: RegistryKey } = await Hive.open(memoryFile(bytes), []);
    expect(await root.values()).toEqual([]);
  });
});

function setWord(bytes: Buffer, offset: number, word: number): Buffer {
  bytes.writeUInt32LE(word, offset);
  return bytes;
}
