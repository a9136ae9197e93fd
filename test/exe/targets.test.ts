import { describe, expect, it } from 'vitest';
import { pinnedByProject } from '../../bin/exe/fetch-packages.ts';
import { DEFAULT_TARGETS, NODE_VERSION, TARGETS, targetsNamed } from '../../bin/exe/targets.ts';

describe('the targets', () => {
  it('pin Node with an integrity, and koffi by the lockfile of the project', () => {
    expect(NODE_VERSION).toMatch(/^22\.\d+\.\d+$/);
    for (const { integrity, koffiFolder, platform, arch } of TARGETS) {
      expect(integrity).toMatch(/^sha512-[\w+/]{86}==$/);
      if (koffiFolder !== undefined) {
        expect(pinnedByProject(`@koromix/koffi-${platform}-${arch}`).integrity).toMatch(/^sha512-/);
      }
    }
    expect(new Set(TARGETS.map(({ integrity }) => integrity)).size).toBe(TARGETS.length);
  });

  it('are found by name', () => {
    expect(targetsNamed(DEFAULT_TARGETS).map(({ platform }) => platform)).toEqual(['win32', 'linux']);
    expect(() => targetsNamed(['win-x86'])).toThrow(/no target win-x86.*win-x64, linux-x64/);
  });
});
