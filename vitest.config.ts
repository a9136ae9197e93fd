import { defineConfig } from 'vitest/config';

// Unit tests touch at most local files. Integration tests start real servers and run real tools (Azurite, AzCopy, qemu-img, the built CLI).
export default defineConfig({
  test: {
    reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.integration.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          // The worker that reads guests' file systems is started by Node itself, which needs help with TypeScript before 22.18.
          execArgv: ['--import', './test/support/typescript-in-workers.js'],
          globalSetup: './test/support/build-once.ts',
          include: ['test/**/*.integration.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
