// Keeps the young generation of V8's heap small. It grows to 32 MiB and more for programs that keep nothing of what they
// allocate, as this one does while it sends; collecting 2 MiB more often costs no time that could be measured.
import { setFlagsFromString } from 'node:v8';

const keepSmall = () => setFlagsFromString('--semi-space-growth-factor=1');
keepSmall();
// V8 sets the flag back for each thread that begins.
process.on('worker', (worker) => worker.once('online', keepSmall));
