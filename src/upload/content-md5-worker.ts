// The worker thread of ContentMd5.
import { answerQuestions } from '../base/answer-questions.ts';
import { type Md5Step, md5Steps } from './md5-steps.ts';

const hash = md5Steps();
answerQuestions<Md5Step, Uint8Array | undefined>((step, reply) => reply(hash(step)));
