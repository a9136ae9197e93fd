import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertNewDiskName,
  assertResourceGroup,
  idOf,
  isGuid,
  nameOf,
  parseResource,
  pathOf,
  resourceId,
} from '../../../src/azure/arm/resource-id.ts';
import { UsageError } from '../../../src/errors.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-00000000000a';
const PLACE = { subscriptionId: SUBSCRIPTION, resourceGroup: 'rg-migration' };
const DISK_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-migration/providers/Microsoft.Compute/disks/web01`;

describe('parseResource', () => {
  it('completes a name', () => {
    const disk = parseResource(' web01 ', 'Microsoft.Compute/disks', '--disk', PLACE);
    expect(idOf(disk)).toBe(DISK_ID);
    expect(pathOf(disk)).toBe(DISK_ID);
    expect(nameOf(disk)).toBe('web01');
  });

  it('takes the subscription and the resource group from an id, in any case', () => {
    const text = DISK_ID.replace('resourceGroups/rg-migration', 'resourcegroups/Other').replace(
      'Compute/disks',
      'compute/DISKS',
    );
    const disk = parseResource(text.replace('000a', '000A'), 'Microsoft.Compute/disks', '--disk', PLACE);
    expect(disk).toEqual({
      subscriptionId: SUBSCRIPTION,
      resourceGroup: 'Other',
      type: 'Microsoft.Compute/disks',
      names: ['web01'],
    });
  });

  it('parses nested resources', () => {
    const id = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/galleries/g.1/images/def-a/versions/1.0.10`;
    const version = parseResource(id, 'Microsoft.Compute/galleries/images/versions', '--version');
    expect(version.names).toEqual(['g.1', 'def-a', '1.0.10']);
    expect(idOf(version)).toBe(id);
  });

  it.each([
    ['/subscriptions/x', /another structure/],
    [DISK_ID.slice(0, -6), /another structure/],
    [`${DISK_ID}/beginGetAccess`, /another structure/],
    [`${DISK_ID}/`, /another structure/],
    [`${DISK_ID}?api-version=1`, /must consist of/],
    [DISK_ID.replace(SUBSCRIPTION, 'mine'), /subscription "mine" is not a GUID/],
    [DISK_ID.replace('disks', 'snapshots'), /is the id of Microsoft.Compute\/snapshots/],
    [DISK_ID.replace('rg-migration', '..'), /resource group in --disk must consist of/],
    [DISK_ID.replace('web01', '..'), /must consist of/],
    [DISK_ID.replace('web01', 'a%2f..'), /must consist of/],
    [`https://management.azure.com${DISK_ID}`, /must consist of/],
    ['', /must consist of/],
    ['a/b', /must consist of/],
    ['web01?x', /must consist of/],
    ['-web01', /must consist of/],
    ['web01.', /must consist of/],
    ['x'.repeat(81), /must consist of/],
  ])('refuses %s', (text, message) => {
    expect(() => parseResource(text, 'Microsoft.Compute/disks', '--disk', PLACE)).toThrow(UsageError);
    expect(() => parseResource(text, 'Microsoft.Compute/disks', '--disk', PLACE)).toThrow(message);
  });

  it('refuses a name where only an id is possible', () => {
    expect(() => parseResource('web01', 'Microsoft.Compute/disks', '--disk')).toThrow(
      `--disk must be the id of the disk, as in /subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Compute/disks/NAME, but is "web01".`,
    );
  });

  it('accepts every text as itself or not at all: a path never leaves its resource', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        let disk: ReturnType<typeof parseResource>;
        try {
          disk = parseResource(text, 'Microsoft.Compute/disks', '--disk', PLACE);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          return;
        }
        const { pathname, search, hash } = new URL(`https://management.azure.com${pathOf(disk)}`);
        expect([pathname, search, hash]).toEqual([pathOf(disk), '', '']);
      }),
    );
  });
});

describe('resourceId', () => {
  it('encodes what a URL cannot contain, and shows it decoded', () => {
    const disk = resourceId('Microsoft.Compute/disks', { ...PLACE, resourceGroup: 'größe_(1)' }, 'd');
    expect(pathOf(disk)).toContain('/resourceGroups/gr%C3%B6%C3%9Fe_(1)/');
    expect(idOf(disk)).toContain('/resourceGroups/größe_(1)/');
  });

  it.each([
    ['Microsoft.Compute/galleries/images', ['g-1', 'd']],
    ['Microsoft.Compute/galleries/images', ['g', 'd.']],
    ['Microsoft.Compute/galleries/images/versions', ['g', 'd', '1.0']],
    ['Microsoft.Compute/galleries/images/versions', ['g', 'd', '1.0.x']],
    ['Microsoft.Compute/galleries/images/versions', ['g', 'd', '1.0.12345678901']],
    ['Microsoft.Storage/storageAccounts', ['With-Hyphen']],
  ] as const)('refuses names that Azure refuses: %s %s', (type, names) => {
    expect(() => resourceId(type, PLACE, ...names)).toThrow(UsageError);
  });

  it('refuses a subscription that is no GUID', () => {
    expect(() => resourceId('Microsoft.Compute/disks', { ...PLACE, subscriptionId: 'me' }, 'd')).toThrow(
      /must be a GUID/,
    );
  });
});

describe('the name of a new disk', () => {
  it.each(['a', 'web01-os', '_x', 'x'.repeat(80)])('may be %s', (name) => {
    expect(() => assertNewDiskName(name)).not.toThrow();
  });

  it.each(['', 'a.b', 'a b', 'ä', 'x'.repeat(81), 'a/b'])('may not be "%s"', (name) => {
    expect(() => assertNewDiskName(name)).toThrow(UsageError);
  });
});

describe('the name of a resource group', () => {
  it.each(['rg', 'RG_(1).x-y', 'größe', 'x'.repeat(90)])('may be %s', (name) => {
    expect(() => assertResourceGroup(name)).not.toThrow();
  });

  it.each(['', 'rg.', 'a b', 'a/b', '..', 'x'.repeat(91)])('may not be "%s"', (name) => {
    expect(() => assertResourceGroup(name)).toThrow(/--resource-group must consist of/);
  });
});

describe('isGuid', () => {
  it.each([
    ['00000000-0000-0000-0000-000000000000', true],
    ['ABCDEF00-0000-0000-0000-000000000000', true],
    ['{00000000-0000-0000-0000-000000000000}', false],
    ['00000000000000000000000000000000', false],
    ['', false],
  ])('of "%s" is %s', (text, expected) => {
    expect(isGuid(text)).toBe(expected);
  });
});
