// How much vhdup uses of three limits: of a standard page blob, of a home uplink, and of a service that answers 503 above a rate.
import type { Bench, Medians, Scenario } from '../bench.ts';
import { azcopy, type Contender, vhdup } from '../contenders.ts';
import { randomDisk } from '../images/random-disk.ts';
import { singlePages } from '../images/small-runs-disk.ts';
import type { ServiceOptions } from '../service.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Scalability targets of a standard page blob. */
const PAGE_BLOB: ServiceOptions = { bytesPerSecond: 60 * MIB, requestsPerSecond: 500, latencyMs: 30 };
/** A body that takes longer than 30 s is answered with 500 OperationTimedOut, as the service does. */
const HOME_UPLINK: ServiceOptions = { bytesPerSecond: 12 * MIB, latencyMs: 40, operationTimeoutMs: 30_000 };
const BUSY: ServiceOptions = { requestsPerSecond: 20, latencyMs: 30 };

export const limits: Scenario = {
  name: 'limits',
  title: 'Limits of the service and of the connection',
  async run(bench) {
    const large = bench.scaled(4 * GIB);
    const small = bench.scaled(768 * MIB);
    const largeImage = await randomDisk(bench, large);

    const bytes = await bench.compare({ ...versus(largeImage), title: '60 MiB/s', bytes: large, service: PAGE_BLOB });
    throughputGoal(bench, bytes, '60 MiB/s', 60 * MIB);

    const pages = await singlePages(bench, large, 128 * KIB);
    const requests = await bench.compare({
      ...versus(pages),
      title: '500 requests/s',
      bytes: large,
      service: PAGE_BLOB,
    });
    requestsGoal(bench, requests, '500 requests/s', 500);

    const smallImage = await randomDisk(bench, small);
    const home = await bench.compare({ ...versus(smallImage), title: '12 MiB/s', bytes: small, service: HOME_UPLINK });
    throughputGoal(bench, home, '12 MiB/s', 12 * MIB);

    const busy = await bench.compare({
      ...versus(largeImage),
      title: '503 above 20 requests/s',
      bytes: large,
      service: BUSY,
    });
    requestsGoal(bench, busy, '503 above 20 requests/s', 20);
  },
};

/** With a limit, runs hardly vary, so one run is enough. */
function versus(image: string): { repeat: number; contenders: Contender[] } {
  return { repeat: 1, contenders: [vhdup({ image }), azcopy({ image })] };
}

function throughputGoal(bench: Bench, median: Medians, limit: string, bytesPerSecond: number): void {
  const run = median('vhdup');
  bench.goal(
    `${limit}: share of the limit that arrives, start and end included`,
    { atLeast: 0.97 },
    run && run.bytesPerSecond / bytesPerSecond,
  );
}

function requestsGoal(bench: Bench, median: Medians, limit: string, requestsPerSecond: number): void {
  const run = median('vhdup');
  const perSecond = run && ((run.putPages - run.refused) * 1000) / run.wallMs;
  bench.goal(
    `${limit}: share of the limit that is served, start and end included`,
    { atLeast: 0.97 },
    perSecond && perSecond / requestsPerSecond,
  );
}
