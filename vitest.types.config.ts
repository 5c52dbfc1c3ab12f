import { defineConfig } from 'vitest/config';

/** Tests of types, `*.test-d.ts`: compiled, never run. Apart, since they cost a compilation of the whole tree. */
export default defineConfig({
  test: {
    name: 'types',
    include: [],
    // Errors elsewhere are the business of `npm run check`.
    typecheck: { enabled: true, only: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json', ignoreSourceErrors: true },
  },
});
