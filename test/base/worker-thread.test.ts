import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AnsweringThread, startWorker } from '../../src/base/worker-thread.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

/** Doubles numbers, as the worker of an AnsweringThread does, and ends when it is asked for 0 or, negative, fails. */
const DOUBLING = `
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ id, question }) => {
  if (question === 0) process.exit(0);
  if (question < 0) throw new Error('no negative numbers');
  parentPort.postMessage({ id, answer: 2 * question });
});`;

/** Returns negative numbers if the current thread answers. */
function threadOf(start: () => Worker): AnsweringThread<number, number> {
  const answerHere = (question: number) => {
    if (question === 13) throw new Error('not 13');
    return -question;
  };
  const thread = new AnsweringThread({ title: 'The doubling thread', start, answerHere });
  onTestFinished(() => thread.close());
  return thread;
}

const doubling = () => new Worker(DOUBLING, { eval: true });

describe('AnsweringThread', () => {
  it('answers many questions at once in its worker', async () => {
    const thread = threadOf(doubling);
    expect(await Promise.all([1, 2, 3].map((question) => thread.ask(question)))).toEqual([2, 4, 6]);
  });

  it.each([
    ['cannot be started', () => startWorker('any-worker', undefined, {})],
    ['is not where it should be', () => startWorker('no-such-worker', 'file:///nowhere/at/all.js', {})],
    ['fails before its first answer', () => new Worker('throw new Error("broken")', { eval: true })],
    ['ends before its first answer', () => new Worker('process.exit(0)', { eval: true })],
  ])('answers in the current thread, in order, if the worker %s', async (_, start) => {
    const thread = threadOf(start);
    const order: number[] = [];
    await Promise.all([1, 2, 3].map(async (question) => order.push(await thread.ask(question))));
    expect(order).toEqual([-1, -2, -3]);
    expect(await thread.ask(4)).toBe(-4);
    expect((await failureOf(thread.ask(13))).message).toBe('not 13');
    await thread.close();
    expect((await failureOf(thread.ask(5))).message).toBe('The doubling thread ended.');
  });

  it.each([
    [0, 'The doubling thread ended.'],
    [-1, 'no negative numbers'],
  ])('fails and does not answer itself when its worker ends later: asked for %i', async (question, message) => {
    const thread = threadOf(doubling);
    expect(await thread.ask(1)).toBe(2);
    const waiting = [failureOf(thread.ask(question)), failureOf(thread.ask(2))];
    for (const failure of waiting) expect((await failure).message).toBe(message);
    expect((await failureOf(thread.ask(3))).message).toBe(message);
  });

  it('rejects open questions when it is closed, before and after its first answer', async () => {
    const young = threadOf(doubling);
    const early = failureOf(young.ask(1));
    await young.close();
    expect((await early).message).toBe('The doubling thread ended.');

    const silent = new EventEmitter();
    const old = threadOf(
      () => Object.assign(silent, { postMessage: () => undefined, terminate: async () => 0 }) as never,
    );
    silent.emit('message', { id: 99, answer: 0 });
    const late = failureOf(old.ask(1));
    await old.close();
    expect((await late).message).toBe('The doubling thread ended.');
  });
});
