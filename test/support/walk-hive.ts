// All keys and values of a hive, in the form in which hivex prints them.
import type { Hive } from '../../src/volume/registry/hive.ts';
import type { RegistryKey } from '../../src/volume/registry/registry-key.ts';
import type { DumpedKey } from './hivex.ts';

/** Parents first, each key in the order of the hive. */
export async function walkHive(hive: Hive): Promise<DumpedKey[]> {
  const keys: DumpedKey[] = [];
  const stack: [key: RegistryKey, path: readonly string[]][] = [[hive.root, []]];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [key, path] = next;
    const values = [];
    for (const value of await key.values()) {
      values.push({ name: value.name, type: value.type, data: (await value.bytes()).toString('hex') });
    }
    keys.push({ path, values });
    const subkeys = await key.subkeys();
    stack.push(...subkeys.map((subkey): typeof next => [subkey, [...path, subkey.name]]).reverse());
  }
  return keys;
}
