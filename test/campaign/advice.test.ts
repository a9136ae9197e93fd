import { describe, expect, it } from 'vitest';
import { adviceIn } from './advice.ts';

const options = (extra: object) => ({ kind: 'options', extra });

describe('adviceIn', () => {
  it.each([
    ['Give --restart --overwrite to start over.', [options({ restart: true, overwrite: true })]],
    [
      'Give --restart to start over, with --overwrite if the blob may go.',
      [options({ restart: true, overwrite: true })],
    ],
    ['Run the same command again without --restart to resume.', [options({ restart: false }), { kind: 'same' }]],
    ['Give --overwrite without --resume-from-blob.', [options({ overwrite: true, resumeFromBlob: false })]],
    [
      'Give --resume-from-blob to resume, --restart to start over, or --checkpoint to name another file.',
      [options({ restart: true }), options({ resumeFromBlob: true }), { kind: 'new-checkpoint' }],
    ],
    ['Run it with its checkpoint (--checkpoint), or with --resume-from-blob.', [options({ resumeFromBlob: true })]],
    ['Try again in a minute, or give --break-lease.', [options({ breakLease: true }), { kind: 'wait' }]],
    ['The service refused it.', []],
  ])('finds the next steps in "%s"', (message, expected) => {
    expect(adviceIn(message)).toEqual(expected);
  });
});
