import { describe, expect, it } from 'vitest';
import { notices } from '../../bin/exe/notices.ts';

const NODE = { version: '22.1.2', license: 'Node.js is licensed for use as follows' };
const MIT = { name: 'a', version: '1.0.0', license: 'MIT', texts: ['Copyright A'], repository: undefined };

describe('notices', () => {
  it('contain the licence of Node and of each package', () => {
    const text = notices(
      [MIT, { ...MIT, name: 'b', license: 'Apache-2.0', texts: ['Copyright B', 'NOTICE of B'] }],
      NODE,
    );
    for (const part of [
      'Node.js 22.1.2',
      NODE.license,
      'a 1.0.0 (MIT)',
      'Copyright A',
      'b 1.0.0 (Apache-2.0)',
      'NOTICE of B',
    ]) {
      expect(text).toContain(part);
    }
  });

  it.each([
    ['copyleft', { license: 'LGPL-2.1-only' }],
    ['not named', { license: 'undefined' }],
    ['without a text', { texts: [] }],
  ])('are refused if a licence is %s', (_, change) => {
    expect(() => notices([MIT, { ...MIT, name: 'odd', ...change }], NODE)).toThrow(/cannot be met.*odd 1\.0\.0/);
  });
});
