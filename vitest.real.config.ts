import { defineConfig } from 'vitest/config';

/** Tests against real software of the machine; `npm run test:real` first installs what they need. */
export default defineConfig({
  test: {
    name: 'real',
    include: ['test/real/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
