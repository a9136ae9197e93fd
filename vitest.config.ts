import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// The worker threads of src/ are started by Node itself, which needs help with TypeScript.
const WORKERS = ['./test/support/typescript-in-workers.ts'];

/** They replace modules, which others in the same process would see. */
const MOCKING = [
  'test/image/image-file-ids.test.ts',
  'test/transfer/window-memory-alone.test.ts',
  'test/upload/upload.test.ts',
];

/** They run the executables that `npm run build:exe` writes. */
const EXECUTABLES = ['test/exe/**/*.long.test.ts'];

/** They take longest, and none of them should begin last. Without a cache, vitest goes by the size of files. */
const LONGEST = /kill|-variants|second-readers|read-back|unverified|aged|\/ext\.long/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

// Unit tests touch at most local files. Integration tests start real servers and run real tools (Azurite, AzCopy, qemu-img, the built CLI).
// Long ones, many rounds of the same behaviour or every shared image, run apart: `npm run test:long`.
export default defineConfig({
  test: {
    // vitest would leave one of two cores idle; the integration tests mostly wait for other processes. `npm run test:long` has four,
    // since its tests also wait for disks and timers.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', 'json'],
    // A script that runs apart names its own (--outputFile.json): an option of the reporter itself would win over it.
    outputFile: { json: 'test-report.json' },
    projects: [
      {
        test: {
          name: 'unit',
          // One process runs many files: loading everything anew for each took almost half of the time.
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.integration.test.ts', 'test/**/*.long.test.ts', ...MOCKING],
          setupFiles: WORKERS,
          // A busy machine takes three times as long.
          testTimeout: 60_000,
        },
      },
      { test: { name: 'mocking', include: MOCKING, setupFiles: WORKERS, testTimeout: 60_000 } },
      {
        test: {
          name: 'integration',
          setupFiles: WORKERS,
          globalSetup: './test/support/build-once.ts',
          include: ['test/**/*.integration.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'long',
          setupFiles: WORKERS,
          globalSetup: './test/support/build-once.ts',
          include: ['test/**/*.long.test.ts'],
          exclude: EXECUTABLES,
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'exe', include: EXECUTABLES, testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
});
