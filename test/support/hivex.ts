// hivex (Debian: libhivex-bin, python3-hivex) as an oracle: it reads hives and makes them.
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** The Python of the system, which the packages of the distribution belong to. */
const PYTHON = '/usr/bin/python3';

export const hasHivex = spawnSync(PYTHON, ['-c', 'import hivex']).status === 0;

export const NO_HIVEX = 'hivex is absent: install python3-hivex';

/** A value as stored. */
export interface DumpedValue {
  readonly name: string;
  readonly type: number;
  /** In hexadecimal. */
  readonly data: string;
}

export interface DumpedKey {
  /** Names from the root on, without that of the root. */
  readonly path: readonly string[];
  readonly values: readonly DumpedValue[];
}

/** Prints one key per line, in the order of the hive, parents first. */
const DUMP = `
import hivex, json, sys
h = hivex.Hivex(sys.argv[1])
stack = [(h.root(), [])]
while stack:
    node, path = stack.pop()
    values = []
    for v in h.node_values(node):
        type, data = h.value_value(v)
        values.append({"name": h.value_key(v), "type": type, "data": data.hex()})
    print(json.dumps({"path": path, "values": values}))
    children = [(child, path + [h.node_name(child)]) for child in h.node_children(node)]
    stack.extend(reversed(children))
`;

/** All keys and values of the hive at `path`, as hivex reads them. */
export function dumpWithHivex(path: string): DumpedKey[] {
  const lines = execFileSync(PYTHON, ['-c', DUMP, path], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  return lines
    .trimEnd()
    .split('\n')
    .map((line): DumpedKey => JSON.parse(line));
}

const BUILD = `
import hivex, json, sys
h = hivex.Hivex(sys.argv[1], write=True)
for key in json.load(sys.stdin):
    node = h.root()
    for name in key["path"]:
        node = h.node_get_child(node, name) or h.node_add_child(node, name)
    h.node_set_values(node, [{"key": v["name"], "t": v["type"], "value": bytes.fromhex(v["data"])} for v in key["values"]])
h.commit(None)
`;

/** Adds keys to the hive at `path`, made from the bytes of `start`. */
export function buildWithHivex(path: string, start: Uint8Array, keys: readonly DumpedKey[]): void {
  writeFileSync(path, start);
  execFileSync(PYTHON, ['-c', BUILD, path], { input: JSON.stringify(keys) });
}
