import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { explainFileProblem, FileRefusal, isFileProblem } from '../../src/base/file-problem.ts';

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: something, open 'x'`), { code, errno: -1, syscall: 'open' });
}

describe('explainFileProblem', () => {
  it.each([
    ['ENOSPC', 'the disk is full (ENOSPC). Free some space, or name a file on another disk with --checkpoint.'],
    [
      'EDQUOT',
      'the disk quota is used up (EDQUOT). Free some space, or name a file on another disk with --checkpoint.',
    ],
    ['EROFS', 'the file system is read-only (EROFS). Name a file on another disk with --checkpoint.'],
    ['EACCES', 'permission denied (EACCES). Name a file in a folder that you can write to with --checkpoint.'],
    ['ENOENT', 'there is no such folder (ENOENT). Create it, or name a file in another folder with --checkpoint.'],
    ['ENOTDIR', 'a part of its path is not a folder (ENOTDIR). Name a file in another folder with --checkpoint.'],
    ['EISDIR', 'it is a folder (EISDIR). Name a file with --checkpoint.'],
    [
      'ENAMETOOLONG',
      'its name or its path is too long (ENAMETOOLONG). Name a file with a shorter path with --checkpoint.',
    ],
    ['EBUSY', /^another program has it open, .* \(EBUSY\)\. Close it there and run the same command again/],
    ['EMFILE', /^too many files are open \(EMFILE\)\. .*ulimit -n/],
    ['EIO', /^the disk reports an input\/output error \(EIO\)\. Check the disk/],
    ['ESTALE', /^the network share has lost the file \(ESTALE\)\. Mount the share again/],
    ['EHOSTDOWN', /^the network share does not answer \(EHOSTDOWN\)\. Wait until it is back/],
  ])('explains %s with the reason and the next step', (code, expected) => {
    const explained = explainFileProblem(systemError(code), '--checkpoint', 'linux');
    if (typeof expected === 'string') expect(explained).toBe(expected);
    else expect(explained).toMatch(expected);
  });

  it.each(['EPERM', 'EACCES', 'EBUSY'])(
    'explains %s on Windows as a file that another program may have open',
    (code) => {
      const explained = explainFileProblem(systemError(code), '--checkpoint', 'win32');
      expect(explained).toContain('another program has it open, for example an antivirus, a backup or an editor');
      expect(explained).not.toContain('a folder that you can write to');
    },
  );

  it('ends with a sentence for every system error', () => {
    for (const code of [...Object.keys(constants.errno), 'UNKNOWN', '__proto__', 'constructor']) {
      for (const option of [undefined, '--manifest']) {
        const explained = explainFileProblem(systemError(code), option, 'linux');
        expect(explained).toMatch(/^\S.*\. [A-Z].*\.$/);
        expect(explained).toContain(code);
        expect(explained).not.toMatch(/[{}]|\.\./);
      }
    }
  });

  it('explains a refusal, and names the option if there is no other next step', () => {
    expect(explainFileProblem(new FileRefusal('it is a folder'), '--log-file')).toBe(
      'it is a folder. Name another file with --log-file.',
    );
    expect(explainFileProblem(new FileRefusal('it exists', 'Give --overwrite.'))).toBe('it exists. Give --overwrite.');
  });
});

it('isFileProblem distinguishes system errors from bugs', () => {
  expect(
    [systemError('EIO'), new FileRefusal('no'), new TypeError('bug'), 'text', undefined].map(isFileProblem),
  ).toEqual([true, true, false, false, false]);
});
