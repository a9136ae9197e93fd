import { expect, it } from 'vitest';
import { embeddedBytes, embeddedText, isExecutable } from '../../src/base/embedded.ts';

it('finds nothing in a program that is no executable: test/exe/ runs those that are', () => {
  expect(isExecutable()).toBe(false);
  expect(embeddedText('window-worker.js')).toBeUndefined();
  expect(embeddedBytes('koffi.node')).toBeUndefined();
});
