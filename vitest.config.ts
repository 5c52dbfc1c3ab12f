import { defineConfig } from 'vitest/config';

/** All tests but those of types (`vitest.types.config.ts`) and those that need software of the machine (`vitest.real.config.ts`). */
export default defineConfig({
  test: {
    globalSetup: ['scripts/test-setup.mjs'],
    // Processes, since tests end them, signal them and look at their handles.
    pool: 'forks',
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Programs run as processes of their own, where coverage does not see them.
      exclude: ['src/api/bin/**'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: { lines: 80 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/e2e/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // After the others and one file at a time: they start processes and measure times.
          sequence: { groupOrder: 1 },
          fileParallelism: false,
        },
      },
    ],
  },
});
