// The worker's side of an AnsweringThread.
import { parentPort } from 'node:worker_threads';

/** @param answer - Must call `reply` once, now or later. If it throws, the thread ends. */
export function answerQuestions<Question, Answer>(
  answer: (question: Question, reply: (answer: Answer) => void) => void,
): void {
  const port = parentPort;
  if (port === null) throw new Error('This file runs as a worker.');
  port.on('message', ({ id, question }: { id: number; question: Question }) => {
    answer(question, (reply) => port.postMessage({ id, answer: reply }));
  });
}
