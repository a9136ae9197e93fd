import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/cli/nearest.ts';

const OPTIONS = ['dry-run', 'overwrite', 'checkpoint', 'checksum', 'retries', 'sku', 'list'];

describe('nearest', () => {
  it.each([
    ['dryrun', 'dry-run'],
    ['Dry-Run', 'dry-run'],
    ['overwrit', 'overwrite'],
    ['ovrewrite', 'overwrite'],
    ['checkpiont', 'checkpoint'],
    ['retrys', 'retries'],
    ['chekcsum', 'checksum'],
    ['lst', 'list'],
  ])('finds what %s may mean: %s', (word, meant) => {
    expect(nearest(word, OPTIONS)).toBe(meant);
  });

  it.each(['fast', 'skv', 'x', '', 'container'])('finds nothing for %j, which is like no other', (word) => {
    expect(nearest(word, OPTIONS)).toBeUndefined();
  });

  it('prefers the candidate with the fewest edits', () => {
    expect(nearest('checksun', ['checksums', 'checksum'])).toBe('checksum');
  });
});
