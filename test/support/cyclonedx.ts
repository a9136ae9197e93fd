// Validates CycloneDX documents by their JSON schema. npm fetches the schema and a validator once, into a cache.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fetchPackages } from '../../bin/exe/fetch-packages.ts';

const PACKAGES = [
  {
    name: '@cyclonedx/cyclonedx-library',
    version: '10.3.0',
    integrity: 'sha512-RIT28sp1U0PCHaaeF3yNRwk6Jig/XJ8UsYAVOMYaHQ+0VVOvsjcp0PTWQFLUqJFF8XMud+Kdq6G+wtDAh+QJFA==',
  },
  {
    name: 'ajv',
    version: '8.20.0',
    integrity: 'sha512-Thbli+OlOj+iMPYFBVBfJ3OmCAnaSyNn4M1vz9T6Gka5Jt9ba/HIR56joy65tY6kx/FCF5VXNB819Y7/GUrBGA==',
  },
  {
    name: 'fast-deep-equal',
    version: '3.1.3',
    integrity: 'sha512-f3qQ9oQy9j2AhBe/H9VC91wLmKBCCU/gDOnKNAYG5hswO7BLKj09Hc5HYNz9cGI++xlpDCIgDaitVs03ATR84Q==',
  },
  {
    name: 'fast-uri',
    version: '3.1.9',
    integrity: 'sha512-hS/0Wt3Ya043oKXs0sIxrMpKQITXhMLIrVAKKXi4gozGC9v7YRWVnXIZzjNPTO02M9BdxLCWqK1yRXgNziVyJQ==',
  },
  {
    name: 'json-schema-traverse',
    version: '1.0.0',
    integrity: 'sha512-NM8/P9n3XjXhIZn1lLhkFaACTOURQXjWhV4BA/RnOv8xvgqtqpAX9IO4mRQxSx1Rlo4tqzeqb0sOlruaOy3dug==',
  },
  {
    name: 'require-from-string',
    version: '2.0.2',
    integrity: 'sha512-Xf0nWe6RseziFMu+Ap9biiUbmplq6S9/p+7w7YXP/JBHhrUDDUhwa+vANyubuqfZWTveU//DYVGsDG7RKL/vEw==',
  },
];

interface Validate {
  (document: unknown): boolean;
  readonly errors?: unknown;
}

/** @returns a function that returns the faults of a CycloneDX 1.6 document; undefined if it has none. */
export function cycloneDxValidator(): (document: unknown) => unknown {
  const modules = fetchPackages('cyclonedx', PACKAGES);
  const { Ajv } = createRequire(join(modules, 'x.js'))('ajv');
  const schema = (name: string) =>
    JSON.parse(readFileSync(join(modules, '@cyclonedx/cyclonedx-library/res/schema', name), 'utf8'));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  // They refer to one another by these names, relative to that of the first.
  for (const name of ['jsf-0.82.SNAPSHOT.schema.json', 'spdx.SNAPSHOT.schema.json']) {
    const { $id, ...rest } = schema(name);
    ajv.addSchema(rest, `http://cyclonedx.org/schema/${name}`);
  }
  const validate: Validate = ajv.compile(schema('bom-1.6.SNAPSHOT.schema.json'));
  return (document) => (validate(document) ? undefined : validate.errors);
}
