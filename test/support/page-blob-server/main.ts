// Starts the page-blob test server in its own process, for benchmarks. It prints one JSON line with its URL, and one with its
// counters at the end. After each line of input it prints the counters so far and resets them.

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { resetCounters } from './log.ts';
import { startPageBlobServer } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    container: { type: 'string', default: 'images' },
    discard: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
    'no-checksums': { type: 'boolean', default: false },
    'latency-ms': { type: 'string' },
    'bytes-per-second': { type: 'string' },
    'requests-per-second': { type: 'string' },
    'operation-timeout-ms': { type: 'string' },
    'max-blob-size': { type: 'string' },
  },
});

const maxBlobSize = numberOrNone(values['max-blob-size']);
const server = await startPageBlobServer({
  port: Number(values.port),
  discard: values.discard,
  tls: values.tls,
  verifyChecksums: !values['no-checksums'],
  keepLog: false,
  ...(maxBlobSize === undefined ? {} : { maxBlobSize }),
  skim: values.discard && values['no-checksums'] && !values.tls && values['bytes-per-second'] === undefined,
  model: {
    latencyMs: numberOrNone(values['latency-ms']),
    bytesPerSecond: numberOrNone(values['bytes-per-second']),
    requestsPerSecond: numberOrNone(values['requests-per-second']),
    operationTimeoutMs: numberOrNone(values['operation-timeout-ms']),
  },
});
server.createContainer(values.container);
print({
  url: server.url,
  account: server.account,
  key: server.key,
  containerSasUrl: server.sasUrl({
    container: values.container,
    permissions: 'racwdl',
    expiresOn: new Date(Date.now() + 7 * 24 * 60 * 60 * 1000),
  }),
  caCertificate: server.caCertificate,
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void finish());
let cpuBefore = process.cpuUsage();
// The pipe closes even if the parent ends without a signal.
createInterface({ input: process.stdin })
  .on('line', () => {
    printCounters();
    resetCounters(server.counters);
    cpuBefore = process.cpuUsage();
  })
  .on('close', () => void finish());

async function finish(): Promise<void> {
  process.stdin.destroy();
  await server.close();
  printCounters();
}

function printCounters(): void {
  const { user, system } = process.cpuUsage(cpuBefore);
  const { byOperation, byStatus, byErrorCode, ...sums } = server.counters;
  print({
    ...sums,
    cpuSeconds: (user + system) / 1_000_000,
    byOperation: Object.fromEntries(byOperation),
    byStatus: Object.fromEntries(byStatus),
    byErrorCode: Object.fromEntries(byErrorCode),
  });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function numberOrNone(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
