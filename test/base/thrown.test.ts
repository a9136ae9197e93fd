import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { codeOf, messageOf } from '../../src/base/thrown.ts';

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

it('codeOf returns the code of a system error, and undefined for other values', () => {
  expect(codeOf(thrownBy(() => readFileSync('/no/such/file')))).toBe('ENOENT');
  expect(codeOf(Object.assign(new Error('?'), { code: 7 }))).toBeUndefined();
  for (const other of [new Error('?'), { code: 'ENOENT' }, 'ENOENT', null, undefined]) {
    expect(codeOf(other)).toBeUndefined();
  }
});

it('messageOf returns the message of an error, and other values as text', () => {
  expect(messageOf(new TypeError('x is not a function'))).toBe('x is not a function');
  expect(messageOf('only text')).toBe('only text');
  expect(messageOf(undefined)).toBe('undefined');
});
