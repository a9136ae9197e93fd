import { describe, expect, it } from 'vitest';
import { homepageOf } from '../../../bin/exe/manifests/homepage.ts';

const PAGE = 'https://github.com/somebody/vhdup';

describe('the page of the project', () => {
  it.each([['somebody/vhdup'], ['github:somebody/vhdup'], [PAGE], [{ type: 'git', url: `git+${PAGE}.git` }]])(
    'is that of package.json: %j',
    (repository) => {
      expect(homepageOf(repository, { GITHUB_REPOSITORY: 'another/fork' }, true)).toBe(PAGE);
    },
  );

  it('is otherwise that of the workflow', () => {
    expect(homepageOf(undefined, { GITHUB_REPOSITORY: 'somebody/vhdup' }, true)).toBe(PAGE);
  });

  it('is a placeholder if nothing names it, which no release may contain', () => {
    expect(homepageOf(undefined, {}, false)).toContain('/OWNER/');
    expect(homepageOf({}, { GITHUB_REPOSITORY: '' }, false)).toContain('/OWNER/');
    expect(() => homepageOf(undefined, {}, true)).toThrow(/names no repository: npm pkg set repository\.url=/);
  });

  it('is on GitHub', () => {
    for (const repository of [
      'https://example.com/somebody/vhdup',
      'gitlab:somebody/vhdup',
      PAGE.replace('/vhdup', ''),
    ]) {
      expect(() => homepageOf(repository, {}, false)).toThrow(repository);
    }
  });
});
